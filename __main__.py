"""Declaration, platform, outputs."""

import gc

import pulumi

from infra.declaration import SETTING, DeclarationError, declare
from infra.outputs import export
from infra.platform import build
from infra.secrets.generated import given_values, is_encrypted

gc.disable()  # a run is short and keeps what it makes: looking for garbage would take a fifth of its time

stack, config = pulumi.get_stack(), pulumi.Config()
written = config.get_object(SETTING)
given = given_values(config, written)
try:
    declared = declare(written, f"Pulumi.{stack}.yaml", given=is_encrypted(config, given))
except DeclarationError as error:
    raise pulumi.RunError(str(error)) from None
export(build(declared, stack, given))

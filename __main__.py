"""Declaration, platform, outputs."""

import gc

import pulumi

from infra.declaration.loader import SETTING, declare
from infra.declaration.problems import DeclarationError
from infra.outputs import export
from infra.platform.build import build
from infra.secrets.generated import is_encrypted, provided_secrets

gc.disable()  # a run is short and keeps its objects: garbage collection would take a fifth of its time

stack, config = pulumi.get_stack(), pulumi.Config()
raw = config.get_object(SETTING)
secrets = provided_secrets(config, raw)
try:
    declared = declare(raw, f"Pulumi.{stack}.yaml", provided=is_encrypted(config, secrets))
except DeclarationError as error:
    raise pulumi.RunError(str(error)) from None
export(build(declared, stack, secrets))

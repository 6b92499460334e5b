"""Declaration, platform, outputs."""

import pulumi

from infra.declaration import SETTING, DeclarationError, declare
from infra.outputs import export
from infra.platform import build

stack = pulumi.get_stack()
try:
    declared = declare(pulumi.Config().get_object(SETTING), f"Pulumi.{stack}.yaml")
except DeclarationError as error:
    raise pulumi.RunError(str(error)) from None
export(build(declared, stack))

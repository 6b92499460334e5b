"""What the platform team asked for: typed, frozen, strict.

`load` reads a stack file, `declare` takes what Pulumi has read already.
Both give a `Platform`, or say all that is wrong.
"""

from infra.declaration.loader import SETTING, declare, load, secret_names
from infra.declaration.model import Platform
from infra.declaration.problems import DeclarationError, Problem

__all__ = ["SETTING", "DeclarationError", "Platform", "Problem", "declare", "load", "secret_names"]

"""The declaration of a stack: typed, frozen, strict.

`load` reads a stack file; `declare` takes the setting as Pulumi read it. Both return a `Platform`, or raise a
`DeclarationError` with all problems.
"""

from infra.declaration.loader import SETTING, declare, load, secret_names
from infra.declaration.model import Platform
from infra.declaration.problems import DeclarationError, Problem

__all__ = ["SETTING", "DeclarationError", "Platform", "Problem", "declare", "load", "secret_names"]

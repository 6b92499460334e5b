"""`python -m infra.declaration Pulumi.dev.yaml ...`: validates stack files without an engine."""

from __future__ import annotations

import sys
from pathlib import Path

from infra.declaration.loader import load
from infra.declaration.problems import DeclarationError


def main(arguments: list[str]) -> int:
    """The exit status: 0 if all files are valid, 1 if one is not, 2 without arguments."""
    if not arguments:
        print("usage: python -m infra.declaration Pulumi.<stack>.yaml ...", file=sys.stderr)
        return 2
    return max(_check(Path(argument)) for argument in arguments)


def _check(file: Path) -> int:
    try:
        load(file)
    except DeclarationError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{file.name}: valid")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

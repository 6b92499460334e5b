"""`python -m infra.declaration Pulumi.dev.yaml ...`: checks stack files without an engine."""

from __future__ import annotations

import sys
from pathlib import Path

from infra.declaration import DeclarationError, load


def main(arguments: list[str]) -> int:
    """0 when every file can be built, 1 when one can't, 2 when none was named."""
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

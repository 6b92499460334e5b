"""`python -m infra.declaration Pulumi.dev.yaml ...`: validates stack files without an engine."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from infra.declaration.aws.support import warnings
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
        platform = load(file)
    except DeclarationError as error:
        print(error, file=sys.stderr)
        return 1
    if platform.foundation.aws is not None:
        for warning in warnings(platform.foundation.aws.cluster, datetime.now(UTC).date()):
            print(f"{file.name}: warning: {warning}", file=sys.stderr)
    print(f"{file.name}: valid")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

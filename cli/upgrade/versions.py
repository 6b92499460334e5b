"""Minor versions of Kubernetes: those that this project knows, and the one that is asked for."""

from __future__ import annotations

import re
from collections.abc import Collection

from common.errors import CommandError
from infra.declaration.aws.support import minor

_MINOR = re.compile(r"1\.(0|[1-9][0-9]?)", re.ASCII)


def name(version: int) -> str:
    """`1.36` of 36."""
    return f"1.{version}"


def asked(text: str, known: Collection[int]) -> int:
    """The minor version of `text`, or an error unless it is one of the known ones."""
    example = (
        f"write a minor version from {name(min(known))} to {name(max(known))}, such as KUBERNETES={name(max(known))}"
    )
    if not _MINOR.fullmatch(text):
        raise CommandError(f"'{text}' is not a minor version of Kubernetes", hint=example)
    if minor(text) < min(known):
        raise CommandError(f"Kubernetes {text} is too old", f"this project needs {name(min(known))}", hint=example)
    if minor(text) > max(known):
        why = f"versions.toml has dates up to {name(max(known))}, so that nothing can be said about it"
        raise CommandError(f"Kubernetes {text} is not known to this project", why, hint=example)
    return minor(text)

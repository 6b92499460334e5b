"""Resources of a state that was exported with its secrets in clear: their values, and where these are."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from cli.by_hand.fields import Path, is_secret

_VALUE = "plaintext"


def revealed(value: Any) -> Any:
    """The value with each secret in place of what marks it as one. It must not be printed."""
    if is_secret(value):
        return revealed(json.loads(value[_VALUE])) if _VALUE in value else value
    if isinstance(value, Mapping):
        return {key: revealed(inner) for key, inner in value.items()}
    return [revealed(item) for item in value] if isinstance(value, list) else value


def secret_paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """The paths of secrets; one in a list is that of the whole list."""
    if is_secret(value):
        yield path
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from secret_paths(inner, (*path, key))
    elif isinstance(value, list) and any(True for item in value for _ in secret_paths(item)):
        yield path

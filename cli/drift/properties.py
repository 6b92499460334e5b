"""Properties of a resource, by the keys of their paths."""

from collections.abc import Mapping, Sequence
from typing import Any


def get(value: Any, path: Sequence[str | int]) -> Any:
    """The value at a path, or None."""
    for key in path:
        if isinstance(key, int):
            value = value[key] if isinstance(value, list) and key < len(value) else None
        else:
            value = value.get(key) if isinstance(value, Mapping) else None
    return value

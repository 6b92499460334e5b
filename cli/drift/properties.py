"""Properties of a resource by their paths, as the engine writes them: `tags["a.b"]`, `ingress[0].cidrBlocks`."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

_KEY = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.\[\]]+)')


def keys(path: str) -> tuple[str | int, ...]:
    """The keys of a path, indexes as numbers."""
    return tuple(int(index) if index else quoted or plain for quoted, index, plain in _KEY.findall(path))


def get(value: Any, path: Sequence[str | int]) -> Any:
    """The value at a path, or None."""
    for key in path:
        if isinstance(key, int):
            value = value[key] if isinstance(value, list) and key < len(value) else None
        else:
            value = value.get(key) if isinstance(value, Mapping) else None
    return value

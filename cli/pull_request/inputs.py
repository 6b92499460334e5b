"""Parts of a resource's inputs in a plan, where any value may be masked, or known only after an update."""

from collections.abc import Iterator, Mapping
from typing import Any


def mapping(value: object, *path: str) -> Mapping[str, Any]:
    """The object at a path; empty where there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def objects(value: object) -> Iterator[Mapping[str, Any]]:
    """The objects in a list; none where it is not a list."""
    return (item for item in (value if isinstance(value, list) else ()) if isinstance(item, dict))

"""Fields that the API server doesn't know: a create drops them silently, an apply refuses them; here both drop them."""

from __future__ import annotations

import re

from offline.plugins.marshal import reveal

from .changes import Path, parse
from .objects import Json, Manifest

_REFUSED = re.compile(r"(?:^|\s)\.(\S+): field not declared in schema")


def without_refused(inputs: Manifest, message: str) -> Manifest:
    """The inputs without the fields that an error message complains about."""
    result: Manifest = reveal(inputs)  # a copy
    for path in _REFUSED.findall(message):
        drop(result, parse(path))
    return result


def drop(tree: Json, path: Path) -> None:
    """Removes a field in place. Elements of lists are selected as the server does: `ports[port=80,protocol="TCP"]`."""
    head, rest = path[0], path[1:]
    if isinstance(tree, dict):
        if rest:
            drop(tree.get(head), rest)
        else:
            tree.pop(head, None)
    elif isinstance(tree, list) and rest:
        for index, element in enumerate(tree):
            if head == index or (isinstance(head, str) and _selected(element, head)):
                drop(element, rest)


def _selected(element: Json, selector: str) -> bool:
    """A key that the element lacks is one that the server has filled in."""
    pairs = [pair.partition("=") for pair in selector.split(",")]
    return isinstance(element, dict) and all(
        str(element.get(key, value.strip('"'))) == value.strip('"') for key, _, value in pairs
    )

"""Fields of an object: which of them are declared, have another value than the stack gave, or were added by hand."""

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from common.pulumi import SECRET, SIGNATURE

Path = tuple[str, ...]
"""Keys from the top of an object; the item of a list by its key in JSON, as in `managedFields`."""

_ITEM = "k:"
_KEYS = ("name", "containerPort", "port", "mountPath", "key", "topologyKey", "type", "ip", "uid")
"""By which Kubernetes merges lists of objects."""
_UNSET = object()


def get(value: Any, path: Path) -> Any:
    """The value at a path; `missing` tells whether there is none."""
    for key in path:
        value = _child(value, key)
        if value is _UNSET:
            return _UNSET
    return value


def is_secret(value: Any) -> bool:
    """Whether the state has it encrypted."""
    return isinstance(value, Mapping) and value.get(SIGNATURE) == SECRET


def missing(value: Any) -> bool:
    return value is _UNSET


def leaves(declared: Any, path: Path = ()) -> Iterator[Path]:
    """The paths of all values in a declaration; a list of plain values counts as one, and so does what is secret."""
    if is_secret(declared):
        yield path
    elif isinstance(declared, Mapping):
        for key, value in declared.items():
            if not key.startswith("__"):
                yield from leaves(value, (*path, key))
    elif isinstance(declared, list) and declared and all(_item_key(item) for item in declared):
        for item in declared:
            yield from leaves(item, (*path, _ITEM + str(_item_key(item))))
    elif declared is not None:
        yield path


def owned(fields: Mapping[str, Any], path: Path = ()) -> Iterator[Path]:
    """The paths of an entry of `managedFields`: items of lists that it added, and values."""
    for key, below in fields.items():
        if key.startswith(_ITEM):
            item = (*path, _ITEM + str(_item_key(json.loads(key.removeprefix(_ITEM)))))
            if "." in below:
                yield item
            yield from owned(below, item)
        elif key.startswith("f:"):
            here = (*path, key[2:])
            if not below:
                yield here
            yield from owned(below, here)


def remove(value: Any, path: Path) -> None:
    """Remove what is at a path, if it is there."""
    *above, last = path
    parent = get(value, tuple(above))
    if isinstance(parent, dict):
        parent.pop(last, None)
    elif isinstance(parent, list):
        parent[:] = [item for item in parent if not _matches(item, json.loads(last.removeprefix(_ITEM)))]


def put(value: Any, before: Any, path: Path) -> None:
    """Put the value before at a path; an item or a mapping that is gone comes back whole."""
    for depth, key in enumerate(path, start=1):
        old, below = get(before, path[:depth]), _child(value, key)
        if missing(old) or is_secret(old):
            return
        if missing(below) or depth == len(path):
            _set(value, key, copy.deepcopy(old))
            return
        value = below


def _set(value: Any, key: str, item: Any) -> None:
    if isinstance(value, dict):
        value[key] = item
    elif isinstance(value, list):
        value.append(item)


def shown(path: Path) -> str:
    """Such as `spec.template.spec.containers[serving].image`."""
    text = ""
    for key in path:
        if key.startswith(_ITEM):
            text += f"[{', '.join(str(value) for value in json.loads(key.removeprefix(_ITEM)).values())}]"
        else:
            text += f".{key}" if text else key
    return text


def _child(value: Any, key: str) -> Any:
    if key.startswith(_ITEM):
        wanted = json.loads(key.removeprefix(_ITEM))
        items = value if isinstance(value, list) else []
        return next((item for item in items if _matches(item, wanted)), _UNSET)
    return value.get(key, _UNSET) if isinstance(value, Mapping) else _UNSET


def _matches(item: Any, wanted: Mapping[str, Any]) -> bool:
    """A default of the API, such as `protocol`, may be missing where it is declared."""
    if not isinstance(item, Mapping):
        return False
    given = {key: value for key, value in wanted.items() if key in item}
    return bool(given) and all(item[key] == value for key, value in given.items())


def _item_key(item: Any) -> str | None:
    if not isinstance(item, Mapping):
        return None
    return next((json.dumps({key: item[key]}) for key in _KEYS if isinstance(item.get(key), str | int)), None)


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal, whatever the plugin made of their numbers."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, Sequence) and isinstance(other, Sequence) and not isinstance(one, str):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)

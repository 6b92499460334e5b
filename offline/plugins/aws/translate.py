"""Properties to requests and back, led by botocore's models: `cidrBlock` is `CidrBlock` because the model has it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from offline.plugins.aws.inputs import DOCUMENTS, SETS, same_document, sorted_texts
from offline.plugins.marshal import Bag
from offline.plugins.provider import ProviderError

Shape = Any  # botocore's shapes have no types
_CONVERT = {"integer": int, "long": int, "float": float, "double": float}


def request(shape: Shape, bag: Mapping[str, Any], names: Mapping[str, str]) -> Bag:
    """The bag as a request of this shape; a property that the shape doesn't know is an error, never dropped."""
    made: Bag = {}
    for key, value in bag.items():
        if value is not None:
            _place(made, shape, _path(shape, key, names), value, names)
    return made


def _path(shape: Shape, key: str, names: Mapping[str, str]) -> list[str]:
    path = names.get(key, "").split(".")
    if path[0] in shape.members:
        return path
    found = matching(key, shape.members)
    if found is None:
        raise ProviderError(f"property '{key}' is not offered by the stand-in for the aws plugin ({shape.name})")
    return [found]


def _place(made: Bag, shape: Shape, path: list[str], value: Any, names: Mapping[str, str]) -> None:
    for member in path[:-1]:
        shape, made = shape.members[member], made.setdefault(member, {})
    made[path[-1]] = _value(shape.members[path[-1]], value, names)


def _value(shape: Shape, value: Any, names: Mapping[str, str]) -> Any:
    match shape.type_name:
        case "structure":
            return _structure(shape, value, names)
        case "list":
            return [_value(shape.member, item, names) for item in _items(shape.member, value)]
        case "map":
            return {str(key): _value(shape.value, item, names) for key, item in dict(value).items()}
        case "boolean":
            return value in (True, "true")
        case "string":
            return _text(value)
        case kind if kind in _CONVERT:
            return _CONVERT[kind](value)
        case _:
            return value


def _structure(shape: Shape, value: Any, names: Mapping[str, str]) -> Any:
    """Pulumi flattens lists of at most one, and the API wraps single values (`{"Value": true}`)."""
    if isinstance(value, list):
        value = value[0] if value else {}
    if not isinstance(value, dict):
        (only,) = shape.members
        return {only: _value(shape.members[only], value, names)}
    return request(shape, value, names)


def _items(member: Shape, value: Any) -> list[Any]:
    """A list; a map where the API wants pairs of Key and Value; one item where Pulumi has no list."""
    if isinstance(value, dict) and set(getattr(member, "members", ())) == {"Key", "Value"}:
        return [{"Key": key, "Value": text} for key, text in value.items()]
    return value if isinstance(value, list) else [value]


def _text(value: Any) -> str:
    if isinstance(value, dict | list):
        return json.dumps(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def matching(key: str, members: Iterable[str]) -> str | None:
    """The member that is called like the property, whatever the case and whether it is plural."""
    members = list(members)
    exact = (member for member in members if member.lower() == key.lower())
    alike = (member for member in members if _singular(member) == _singular(key))
    return next(exact, None) or next(alike, None)


def _singular(name: str) -> str:
    name = name.lower()
    return f"{name[:-3]}y" if name.endswith("ies") else name.removesuffix("s")


def observed(bag: Mapping[str, Any], live: Mapping[str, Any], names: Mapping[str, str]) -> Bag:
    """The inputs as the API has them now; what it doesn't say, or says in another form, stays as it was."""
    return {key: _seen(key, value, _find(key, live, names), names) for key, value in bag.items()}


def _find(key: str, live: Mapping[str, Any], names: Mapping[str, str]) -> Any:
    path = names.get(key, "").split(".")
    if path[0] not in live:
        found = matching(key, live)
        return None if found is None else live[found]
    node: Any = live
    for member in path:
        node = node.get(member) if isinstance(node, Mapping) else None
    return node


def _seen(key: str, ours: Any, live: Any, names: Mapping[str, str]) -> Any:
    if isinstance(live, list) and len(live) == 1 and not isinstance(ours, list):
        live = live[0]
    match ours, live:
        case dict(), dict():
            return observed(ours, live, names)
        case list(), list() if not any(isinstance(item, dict | list) for item in [*ours, *live]):
            return ours if key in SETS and sorted_texts(ours) == sorted_texts(live) else live
        case str(), str() | dict() if key in DOCUMENTS:
            return ours if same_document(ours, _text(live)) else _text(live)
        case bool(), bool() | str():
            return live in (True, "true")
        case str(), str() | bool() | int():
            return _text(live)
        case int() | float(), int() | float() if not isinstance(live, bool):
            return live
        case _:
            return ours

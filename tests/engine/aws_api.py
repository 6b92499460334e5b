"""Checks planned AWS resources against AWS's own description of its API, as botocore carries it.

`aws_calls.py` says which operations make a resource of each type. botocore's validator finds missing and superfluous
members and wrong types. `_limits` finds what it does not look at: values outside of an enumeration, too long or too
large ones, and those that a pattern excludes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

from common.pulumi import UNKNOWN_TEXTS
from tests.engine.aws_calls import CALLS, Call, Inputs

Shape = Any  # botocore's shapes have no types
_NUMBERS = {"integer": int, "long": int, "float": float, "double": float}
_COMMON = frozenset({"tags", "tagsAll", "region"})


def problems(type_: str, inputs: Inputs) -> list[str]:
    """What AWS would refuse of a resource, one line each."""
    calls = CALLS[type_]
    named = {name for call in calls for name in call.only or ()}
    wanted = {key: value for key, value in inputs.items() if key not in _COMMON and not key.startswith("__")}
    found: list[str] = []
    for call in calls:
        only = wanted.keys() - named if call.only is None else set(call.only)
        carried = {key: value for key, value in wanted.items() if key in only}
        if carried or call.only is None:
            found += _refused(call, carried)
    return found


def _refused(call: Call, carried: Inputs) -> Iterator[str]:
    if not call.operation:  # what the plugin alone knows of
        return
    shape = _input_shape(call.operation)
    try:
        request = {**call.fixed, **_structure(shape, call.prepare(carried), call.names)}
    except LookupError as error:
        yield f"{call.operation}: {error.args[0]}"
        return
    report = ParamValidator().validate(request, shape)
    yield from (f"{call.operation}: {line}" for line in report.generate_report().splitlines())
    yield from (f"{call.operation}: {line}" for line in _limits(shape, request, ""))


@cache
def _input_shape(operation: str) -> Shape:
    service, name = operation.split(".")
    return _service(service).operation_model(name).input_shape


@cache
def _service(name: str) -> Any:
    return botocore.session.get_session().get_service_model(name)


def _structure(shape: Shape, inputs: Any, names: Mapping[str, str]) -> dict[str, Any]:
    """The inputs as a request. Pulumi turns a list of at most one object into the object, and the other way round."""
    if isinstance(inputs, list):
        (inputs,) = inputs
    if not isinstance(inputs, Mapping):
        (member,) = shape.members  # such as {"Value": true}
        return {member: _value(shape.members[member], inputs, names)}
    made: dict[str, Any] = {}
    for key, value in inputs.items():
        *path, last = names.get(key, _member(shape, key)).split(".")
        inner, into = shape, made
        for member in path:
            inner, into = inner.members[member], into.setdefault(member, {})
        if last not in inner.members:
            raise LookupError(f"{inner.name} has no member for '{key}'")
        into[last] = _value(inner.members[last], value, names)
    return made


def _member(shape: Shape, key: str) -> str:
    """The member that is called like the input, whatever its case and its number."""
    alike = [member for member in shape.members if _plain(member) == _plain(key)]
    same = [member for member in alike if member.lower() == key.lower()]
    return next(iter([*same, *alike]), key)


def _plain(name: str) -> str:
    return re.sub("(ies|y|s)$", "", name.lower())


def _value(shape: Shape, value: Any, names: Mapping[str, str]) -> Any:
    match shape.type_name:
        case "structure":
            return _structure(shape, value, names)
        case "list":
            return [_value(shape.member, item, names) for item in _items(shape.member, value)]
        case "map":
            return {key: _value(shape.value, item, names) for key, item in value.items()}
        case "boolean":
            return value in (True, "true")
        case "string":
            return json.dumps(value) if isinstance(value, bool | list | dict) else str(value)
        case number if number in _NUMBERS:
            return _NUMBERS[number](value)
        case _:
            return value


def _items(member: Shape, value: Any) -> list[Any]:
    """A list; pairs of Key and Value for an object; one item where Pulumi has no list."""
    if isinstance(value, dict) and {"Key", "Value"} == set(getattr(member, "members", ())):
        return [{"Key": key, "Value": text} for key, text in value.items()]
    return value if isinstance(value, list) else [value]


def _limits(shape: Shape, value: Any, path: str) -> Iterator[str]:
    match value:
        case dict():
            for key, item in value.items():
                inner = shape.members[key] if shape.type_name == "structure" else shape.value
                yield from _limits(inner, item, f"{path}.{key}")
        case list():
            for number, item in enumerate(value):
                yield from _limits(shape.member, item, f"{path}[{number}]")
    if isinstance(value, str) and value in UNKNOWN_TEXTS:
        return
    if isinstance(value, str) and getattr(shape, "enum", None) and value not in shape.enum:
        yield f"{path}: '{value}' is none of {', '.join(shape.enum)}"
    size = value if isinstance(value, int | float) else len(value)
    if size > shape.metadata.get("max", size):
        yield f"{path}: {size} is more than {shape.metadata['max']}"
    if isinstance(value, str) and not _matches(shape.metadata.get("pattern", ""), value):
        yield f"{path}: '{value}' does not match {shape.metadata['pattern']}"


def _matches(pattern: str, value: str) -> bool:
    try:
        return re.search(f"^(?:{pattern})$", value, re.DOTALL) is not None if pattern else True
    except re.error:  # AWS's patterns are Java's, which knows classes such as \p{L}
        return True

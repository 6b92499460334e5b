"""pydantic's findings in the words of someone who edits the stack file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from infra.declaration.problems import Problem, suggestion

_EXPECTED = {
    "model_type": "a mapping of settings",
    "dict_type": "a mapping of settings",
    "tuple_type": "a list",
    "list_type": "a list",
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "float_type": "a number",
}
_BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "less_than_equal": ("le", "at most"),
}


def to_problems(error: ValidationError, model: type[BaseModel], root: str) -> list[Problem]:
    """One problem for each finding, in the order of the file."""
    found = error.errors(include_url=False)
    return [_problem(details, model, root) for details in found if not _follows(details, found)]


def _follows(details: ErrorDetails, found: Sequence[ErrorDetails]) -> bool:
    """Whether a list is too short only because an entry of it is wrong."""
    loc = details["loc"]
    return details["type"] == "too_short" and any(other["loc"][: len(loc)] == loc != other["loc"] for other in found)


def _problem(details: ErrorDetails, model: type[BaseModel], root: str) -> Problem:
    loc = [part for part in details["loc"] if part != "[key]"]
    kind = details["type"]
    if kind == "extra_forbidden":
        known = _settings(_type_at(model, loc[:-1]))
        return Problem(_path(root, loc[:-1]), f"unknown setting '{loc[-1]}'{suggestion(str(loc[-1]), known)}")
    if kind == "missing":
        return Problem(_path(root, loc[:-1]), f"missing setting '{loc[-1]}'")
    return Problem(_path(root, loc), _wrong_value(kind, details))


def _wrong_value(kind: str, details: ErrorDetails) -> str:
    given = details["input"]
    if kind == "value_error":
        return str(details["ctx"]["error"])
    if kind in _EXPECTED:
        hint = "; put it in quotes" if kind == "string_type" and not isinstance(given, dict | list | None) else ""
        return f"expected {_EXPECTED[kind]}, got {_shown(given)}{hint}"
    if kind in _BOUNDS:
        bound, words = _BOUNDS[kind]
        return f"{given} is out of range; write {words} {details['ctx'][bound]}"
    if kind == "literal_error":
        return f"{_shown(given)} is not known; write {details['ctx']['expected']}"
    if kind == "too_short":
        return f"has {details['ctx']['actual_length']} entries; write at least {details['ctx']['min_length']}"
    return f"{_shown(given)}: {details['msg']}"


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return repr(value) if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)


def _path(root: str, loc: Sequence[int | str]) -> str:
    return ".".join([root, *(str(part) for part in loc)])


def _type_at(annotation: object, loc: Sequence[int | str]) -> object:
    """The declared type at a place in the declaration."""
    annotation = _bare(annotation)
    if not loc:
        return annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _type_at(_settings(annotation).get(str(loc[0])), loc[1:])
    return _type_at(get_args(annotation)[-1] if get_args(annotation) else None, loc[1:])


def _bare(annotation: object) -> object:
    """Without `Annotated` and `| None`."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    rest = [part for part in get_args(annotation) if part is not type(None)]
    return _bare(rest[0]) if len(rest) == 1 and len(get_args(annotation)) == 2 else annotation


def _settings(annotation: object) -> dict[str, Any]:
    """A model's settings, as they are written in the file."""
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return {}
    return {field.alias or name: field.annotation for name, field in annotation.model_fields.items()}

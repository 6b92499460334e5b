"""Problems of a declaration: where, what is wrong, what to write instead."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

_LONG_WORD = re.compile(r"(\S{100})\S{100,}")
_LONGEST_LINE, _END = 800, 200
"""Characters; the end says what to write."""


@dataclass(frozen=True)
class Problem:
    """One line of output."""

    path: str
    message: str

    def __str__(self) -> str:
        """Short, without characters that end the line or control the terminal."""
        text = _LONG_WORD.sub(r"\1…", f"{self.path}: {self.message}" if self.path else self.message)
        if len(text) > _LONGEST_LINE:
            text = f"{text[: _LONGEST_LINE - _END]}…{text[-_END:]}"
        return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def shortened(text: str, longest: int = 80) -> str:
    """A text that is not too long for a message."""
    return text if len(text) <= longest else f"{text[:longest]}…"


class DeclarationError(Exception):
    """All problems of one stack file, one per line."""

    def __init__(self, file: str, problems: Sequence[Problem]) -> None:
        self.file = file
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{file}: {problem}" for problem in problems))


def suggestion(word: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the most similar known name, or all of them."""
    choices = sorted(known)
    near = difflib.get_close_matches(word, choices, n=1)
    if near:
        return f"; did you mean '{near[0]}'?"
    return f"; known: {', '.join(choices)}" if choices else "; none is declared"


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
    """pydantic's errors as problems, in the order of the file."""
    found = error.errors(include_url=False)
    return [_problem(details, model, root) for details in found if not _follows(details, found)]


def _follows(details: ErrorDetails, found: Sequence[ErrorDetails]) -> bool:
    """Whether a list is too short only because one of its entries is invalid."""
    loc = details["loc"]
    return details["type"] == "too_short" and any(other["loc"][: len(loc)] == loc != other["loc"] for other in found)


def _problem(details: ErrorDetails, model: type[BaseModel], root: str) -> Problem:
    loc = [part for part in details["loc"] if part != "[key]"]
    kind = details["type"]
    if kind not in ("extra_forbidden", "missing"):
        return Problem(_path(root, loc), _wrong_value(kind, details))
    path, name, settings = _path(root, loc[:-1]), str(loc[-1]), _settings(_type_at(model, loc[:-1]))
    if kind == "extra_forbidden":
        return Problem(path, f"unknown setting '{name}'{suggestion(name, settings)}")
    return Problem(path, f"missing setting '{name}'{_example(name, settings)}")


def _example(name: str, settings: Mapping[str, FieldInfo]) -> str:
    """The end of a message about a missing setting, if the model has an example of it."""
    examples = settings[name].examples if name in settings else None
    return f"; write {yaml.safe_dump({name: examples[0]}, default_flow_style=True).strip()[1:-1]}" if examples else ""


def _wrong_value(kind: str, details: ErrorDetails) -> str:
    given = details["input"]
    if kind == "value_error":
        message = str(details["ctx"]["error"])
        return message.replace(repr(given), _shown(given)) if isinstance(given, str) else message
    if kind in _EXPECTED:
        hint = "; put it in quotes" if kind == "string_type" and not isinstance(given, dict | list | None) else ""
        return f"expected {_EXPECTED[kind]}, got {_shown(given)}{hint}"
    if kind in _BOUNDS:
        bound, words = _BOUNDS[kind]
        return f"{given} is out of range; write {words} {details['ctx'][bound]}"
    if kind == "literal_error":
        return f"{_shown(given)} is not supported; write {details['ctx']['expected']}"
    if kind == "too_short":
        actual, least = details["ctx"]["actual_length"], details["ctx"]["min_length"]
        return f"has {actual} {'entry' if actual == 1 else 'entries'}; write at least {least}"
    if kind in ("too_long", "string_too_long"):
        what = "characters" if isinstance(given, str) else "entries"
        return f"has {len(given)} {what}; write at most {details['ctx']['max_length']}"
    return f"{_shown(given)}: {details['msg']}"


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return repr(shortened(value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _path(root: str, loc: Sequence[int | str]) -> str:
    return ".".join([root, *(str(part) for part in loc)])


def _type_at(annotation: object, loc: Sequence[int | str]) -> object:
    """The type of the setting at a path."""
    annotation = bare(annotation)
    if not loc:
        return annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        field = _settings(annotation).get(str(loc[0]))
        return _type_at(field.annotation if field else None, loc[1:])
    inner = [part for part in get_args(annotation) if part is not Ellipsis]
    return _type_at(inner[-1] if inner else None, loc[1:])


def bare(annotation: object) -> object:
    """Without `Annotated` and `| None`."""
    if get_origin(annotation) is Annotated:
        return bare(get_args(annotation)[0])
    rest = [part for part in get_args(annotation) if part is not type(None)]
    return bare(rest[0]) if len(rest) == 1 and len(get_args(annotation)) == 2 else annotation


def _settings(annotation: object) -> dict[str, FieldInfo]:
    """A model's settings by their names in the file."""
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return {}
    return {field.alias or name: field for name, field in annotation.model_fields.items()}

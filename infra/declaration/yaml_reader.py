"""Reads a stack file so that it means the same to every command, to Pulumi's engine and to other YAML readers.

PyYAML reads YAML 1.1. The engine reads YAML 1.2 with gopkg.in/yaml.v3, and passes the settings on as JSON. What the two
read differently is refused, and so is what JSON cannot hold.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import yaml

from infra.declaration.problems import Problem, shortened

LONGEST_FILE = 2**18
"""Bytes, which are read in under two seconds; a stack of 50 teams has a tenth of that."""
_LONGEST_TEXT = 10_000
_DEEPEST = 40
_FREE_ALIASES, _MOST_ALIASES = 1000, 10
"""Nodes that aliases may add to any file, and how often they may repeat the nodes that are written; the engine's reader
has such limits too."""
_LARGEST_NUMBER = 2**63 - 1
_NO_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
"""Control characters, line separators, halves of characters, byte order marks: some reader refuses or changes them."""

_WORDS: dict[str, object] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|0[0-7]*|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ][0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}.*)?")


@dataclass(frozen=True)
class _Unusable:
    """What no setting is, by its name in a message."""

    name: str


_A_DATE, _NO_NUMBER = _Unusable("a date"), _Unusable("a number out of range")


class _Composer(yaml.SafeLoader):
    """Without tags, which have no meaning in a stack file, and not deeper than any. PyYAML's stubs lack `peek_event`'s
    types."""

    depth = 0

    def compose_document(self) -> yaml.Node | None:
        start = self.peek_event()  # type: ignore[no-untyped-call]
        if start.version or start.tags:
            raise _refusal(start, "directives (%YAML, %TAG) are not supported; remove them")
        return super().compose_document()

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise _refusal(event, f"the tag {tag!r} is not supported; write the value without it")
        if self.depth > _DEEPEST:
            raise _refusal(event, f"more than {_DEEPEST} levels are not supported; write fewer")
        self.depth += 1
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _refusal(event: Any, message: str) -> yaml.composer.ComposerError:
    return yaml.composer.ComposerError(None, None, message, event.start_mark)


def read(content: str) -> tuple[Any, list[Problem]]:
    """The document, and what is wrong with it."""
    try:
        loader = _Composer(content)
        node = loader.get_single_node()
    except yaml.YAMLError as error:
        return None, [Problem("", _syntax_error(error, content))]
    except (ValueError, OverflowError):
        return None, [Problem("", r'has an escape such as "\UFFFFFFFF" that is no character; remove it')]
    if node is None:
        return None, []
    reading = _Reading(loader)
    try:
        return reading.value(node, ()), reading.problems
    except _TooMuch as error:
        return None, [error.problem]


def _syntax_error(error: yaml.YAMLError, content: str) -> str:
    if isinstance(error, yaml.reader.ReaderError):
        line = content.count("\n", 0, error.position) + 1
        return f"line {line}: invalid YAML: the character {chr(error.character)!a} is not allowed; remove it"
    mark = getattr(error, "problem_mark", None)
    problem = str(getattr(error, "problem", None) or error)
    kind = "" if "not supported" in problem else "invalid YAML: "
    return f"{_place(mark)}: {kind}{problem}" if mark else f"{kind}{problem}"


class _TooMuch(Exception):
    """Reading on would take too long."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


@dataclass
class _Reading:
    loader: yaml.SafeLoader
    problems: list[Problem] = field(default_factory=list)
    _seen: set[int] = field(default_factory=set)
    _visits: int = 0

    def value(self, node: yaml.Node, path: tuple[str, ...]) -> Any:
        """What a node means to all readers; adds what they do not agree on to the problems."""
        self._limit(node, path)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, str(position))) for position, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _limit(self, node: yaml.Node, path: tuple[str, ...]) -> None:
        self._visits += 1
        self._seen.add(id(node))
        if len(path) > _DEEPEST:
            message = "an alias (*name) contains itself, or aliases are nested too deeply"
            raise _TooMuch(Problem("", f"{_place(node.start_mark)}: {message}; write the values themselves"))
        if self._visits > _FREE_ALIASES + _MOST_ALIASES * len(self._seen):
            message = "aliases (*name) repeat too much; write the values themselves"
            raise _TooMuch(Problem("", f"{_place(node.start_mark)}: {message}"))

    def _mapping(self, node: yaml.MappingNode, path: tuple[str, ...]) -> dict[str, Any]:
        """Its own entries win over merged ones, and of these the first."""
        found: dict[str, Any] = {}
        merged: list[dict[str, Any]] = []
        lines: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._add(key, path, "a key must be text; put it in quotes, also a template such as {{ name }}")
                continue
            line, here = key.start_mark.line + 1, (*path, str(key.value))
            if key.value in lines:
                message = f"declared twice, in lines {lines[key.value]} and {line}; keep one"
                self.problems.append(Problem(".".join(here), message))
            lines.setdefault(key.value, line)
            if _is_plain(key) and key.value == "<<":
                merged += self._merged(value, here)
            elif key.value == "<<":
                self._add(key, path, "the engine reads the key '<<' as a merge, also in quotes; write another name")
            elif self._is_text(key, here):
                found[key.value] = self.value(value, here)
        return {**{name: value for each in reversed(merged) for name, value in each.items()}, **found}

    def _merged(self, node: yaml.Node, path: tuple[str, ...]) -> Iterator[dict[str, Any]]:
        for item in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            if isinstance(item, yaml.MappingNode):
                self._limit(item, path)
                yield self._mapping(item, path)
            else:
                self._add(item, path, "expected a mapping; write an alias of one, such as *defaults")

    def _is_text(self, key: yaml.ScalarNode, path: tuple[str, ...]) -> bool:
        value = self._scalar(key, path)
        if isinstance(value, str | _Unusable):
            return isinstance(value, str)
        self._add(key, path, f"the key {_shown(key.value)} is {_described(value)}; put it in quotes")
        return False

    def _scalar(self, node: yaml.Node, path: tuple[str, ...]) -> object:
        engine: object = node.value
        if _is_plain(node):
            engine, other = engine_value(node.value), _yaml_1_1(self.loader, node)
            if isinstance(engine, _Unusable) or (type(engine), engine) != (type(other), other):
                self._add(node, path, _disagreement(node.value, engine, other))
                return _Unusable("")
        if isinstance(engine, str) and (message := _unreadable(engine)):
            self._add(node, path, message)
        return engine

    def _add(self, node: yaml.Node, path: tuple[str, ...], message: str) -> None:
        self.problems.append(Problem(".".join(path), f"{_place(node.start_mark)}: {message}"))


def _unreadable(text: str) -> str:
    """Why a reader refuses or changes a text; empty if none does."""
    if len(text) > _LONGEST_TEXT:
        return f"has {len(text)} characters; write at most {_LONGEST_TEXT}"
    if found := _NO_TEXT.search(text):
        return f"has the character {found[0]!a}; remove it"
    if "\n" in text and text[0] in " \t\n":
        return (
            "begins with a space or an empty line, which Pulumi's engine changes in a text of several lines; remove it"
        )
    return ""


def engine_value(text: str) -> object:
    """What gopkg.in/yaml.v3 reads without quotes: the function `resolve` in its resolve.go, for a value of any type.

    Dates, which it converts, and numbers that are not finite, which JSON does not have, are unusable.
    """
    if text in _WORDS:
        return _WORDS[text]
    if _NOT_FINITE.fullmatch(text):
        return _NO_NUMBER
    if _DATE.fullmatch(text):
        return _A_DATE
    digits = text if text[0] == "." else text.replace("_", "")
    if text[0] not in "+-.0123456789":
        return text
    if _INTEGER.fullmatch(digits):
        try:
            return _usable(_integer(digits))
        except ValueError:  # more digits than Python converts
            return _NO_NUMBER
    number = float(digits) if _FLOAT.fullmatch(digits) else math.inf
    return _usable(number) if math.isfinite(number) else text


def _integer(digits: str) -> int:
    """`0777` is octal, as in YAML 1.1."""
    octal = re.fullmatch(r"([-+]?)0[oO]?([0-7]+)", digits)
    return int(octal[1] + octal[2], 8) if octal else int(digits, 0)


def _yaml_1_1(loader: yaml.SafeLoader, node: yaml.Node) -> object:
    """What PyYAML reads."""
    try:
        return _usable(loader.construct_object(node))
    except (yaml.YAMLError, ValueError, OverflowError):
        return _Unusable("not valid")


def _usable(value: object) -> object:
    """As Python reads it from the engine's JSON, in which `2.0` is `2`."""
    if isinstance(value, int | float) and not abs(value) <= _LARGEST_NUMBER:
        return _NO_NUMBER
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, str | bool | int | float | None) else _A_DATE


def _is_plain(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and not node.style


def _disagreement(text: str, engine: object, other: object) -> str:
    meanings = list(dict.fromkeys([_described(engine), _described(other)]))
    instead = next(
        (value for value in (engine, other) if isinstance(value, int | float) and math.isfinite(value)), None
    )
    fix = "put it in quotes" if instead is None else f"put it in quotes, or write {_plain(instead)}"
    depending = ", depending on the YAML reader" if len(meanings) > 1 else " to YAML readers"
    return f"{_shown(text)} is {' or '.join(meanings)}{depending}; {fix}"


def _described(value: object) -> str:
    if isinstance(value, _Unusable):
        return value.name
    return "text" if isinstance(value, str) else "nothing" if value is None else f"{_plain(value)}"


def _plain(value: object) -> str:
    """As all readers read it."""
    if isinstance(value, bool):
        return str(value).lower()
    return format(Decimal(repr(value)), "f") if isinstance(value, float) else str(value)


def _shown(text: str) -> str:
    return repr(shortened(text))


def _place(mark: Any) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}"

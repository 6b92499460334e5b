"""Changes entries of a YAML text in place: spacing, comments, order and quoting of the rest stay as they are.

ruamel.yaml keeps comments and order, but normalises spacing, and drops comments behind a removed entry. So PyYAML says
where an entry is, and only its characters are replaced.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

_FLOW_COMMENT = re.compile(r"\s#")

Path = Sequence[str]
"""The keys from the document's root to an entry."""


class NotEditable(Exception):
    """The text has a form in which an entry can't be changed alone."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(message)
        self.path, self.message = tuple(path), message


def has(text: str, path: Path) -> bool:
    """Whether an entry is written in its mapping itself, not merged into it."""
    return path[-1] in _entries(_mapping(text, path[:-1]))


def set_value(text: str, path: Path, value: object) -> str:
    """Replace the value of an entry."""
    _, node = _entries(_mapping(text, path[:-1]))[path[-1]]
    start, end = node.start_mark.index, _end(node, text)
    return f"{text[:start]}{'' if start < end else ' '}{_written(value)}{text[end:]}"


def replace(text: str, path: Path, settings: Mapping[str, object]) -> str:
    """Replace an entry by others; without any, remove it.

    Its comments go with it: those inside it, at the end of its lines, and directly above it.
    """
    mapping = _mapping(text, path[:-1])
    written = [f"{name}: {_written(value)}" for name, value in settings.items()]
    return (_replace_flow if mapping.flow_style else _replace_block)(text, mapping, path, written)


def _replace_block(text: str, mapping: yaml.MappingNode, path: Path, written: Sequence[str]) -> str:
    key, value = _entries(mapping)[path[-1]]
    lines, column = text.split("\n"), key.start_mark.column
    first, last = (text.count("\n", 0, index) for index in (key.start_mark.index, _end(value, text)))
    indent = lines[first][:column]
    if indent.strip():
        raise NotEditable(path, "its key is not the first text of its line")
    while first and _comment_column(lines[first - 1]) == column:
        first -= 1
    for number, line in enumerate(lines[last + 1 :], last + 1):
        if _comment_column(line) > column:
            last = number
        elif line.strip():
            break
    return "\n".join([*lines[:first], *(indent + each for each in written), *lines[last + 1 :]])


def _replace_flow(text: str, mapping: yaml.MappingNode, path: Path, written: Sequence[str]) -> str:
    """A comment can belong to any entry of its line, so that there may be none."""
    if _FLOW_COMMENT.search(text, mapping.start_mark.index, mapping.end_mark.index):
        raise NotEditable(path[:-1], "has a comment between { and }; write it in block style, one setting a line")
    names = list(_entries(mapping))
    key, value = _entries(mapping)[path[-1]]
    start, end, position = key.start_mark.index, _end(value, text), names.index(path[-1])
    if not written and position:
        start = _end(_entries(mapping)[names[position - 1]][1], text)
    elif not written and len(names) > 1:
        end = _entries(mapping)[names[1]][0].start_mark.index
    return f"{text[:start]}{', '.join(written)}{text[end:]}"


def _comment_column(line: str) -> int:
    """Where the comment of a line without anything else begins; -1 without one."""
    return line.index("#") if line.lstrip().startswith("#") else -1


class _Composer(yaml.SafeLoader):
    """An alias is a node at its own position, not the node of its anchor."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if not self.check_event(yaml.AliasEvent):
            return super().compose_node(parent, index)
        event = self.get_event()  # type: ignore[no-untyped-call]  # PyYAML's parser has no types
        return yaml.ScalarNode("alias", event.anchor, event.start_mark, event.end_mark)


def _mapping(text: str, path: Path) -> yaml.MappingNode:
    node: yaml.Node | None = _Composer(text).get_single_node()
    for number in range(len(path) + 1):
        if number:
            assert isinstance(node, yaml.MappingNode)
            _, node = _entries(node).get(path[number - 1], (None, None))
        if not isinstance(node, yaml.MappingNode):
            raise NotEditable(path[:number], "is an alias (*name), or merged by <<; write the settings themselves")
    assert isinstance(node, yaml.MappingNode)
    return node


def _entries(mapping: yaml.MappingNode) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    """Key and value by name."""
    return {str(key.value): (key, value) for key, value in mapping.value}


def _end(node: yaml.Node, text: str) -> int:
    """Where a node's last character ends. PyYAML ends a block mapping at the next token, behind comments."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style:
        last = node.value[-1]
        node = last[1] if isinstance(node, yaml.MappingNode) else last
    return len(text[: node.end_mark.index].rstrip())


def _written(value: object) -> str:
    """On one line, in quotes only where YAML needs them."""
    return yaml.safe_dump([value], default_flow_style=True, sort_keys=False, width=math.inf).strip()[1:-1]

"""Reading a stack file as YAML, strictly: of two equal keys YAML readers silently take the last."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from infra.catalogue.names import PROJECT
from infra.declaration.problems import Problem

_NAMESPACE = f"config.{PROJECT}:"


def read_config(file: Path) -> tuple[dict[str, Any], list[Problem]]:
    """The file's `config`, and what is wrong with the file itself."""
    try:
        node = yaml.compose(file.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except OSError as error:
        return {}, [Problem("", f"can't be read: {error.strerror}")]
    except UnicodeDecodeError:
        return {}, [Problem("", "is not text in UTF-8")]
    except yaml.YAMLError as error:
        return {}, [Problem("", _syntax(error))]
    duplicates = list(_duplicates(node, ()))
    if duplicates:
        return {}, duplicates
    content = _value(node)
    config = content.get("config") if isinstance(content, dict) else None
    if not isinstance(config, dict):
        return {}, [Problem("", "has no 'config' with settings in it")]
    return config, []


def is_encrypted(value: object) -> bool:
    """Whether a setting is written as Pulumi writes what it has encrypted."""
    return isinstance(value, dict) and set(value) == {"secure"}


def _value(node: yaml.Node | None) -> object:
    return None if node is None else yaml.SafeLoader("").construct_document(node)


def _duplicates(node: yaml.Node | None, path: tuple[str, ...]) -> Iterator[Problem]:
    if isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            yield from _duplicates(item, (*path, str(position)))
    if not isinstance(node, yaml.MappingNode):
        return
    lines: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        here = (*path, str(key.value))
        if key.value in lines:
            yield Problem(_shown(here), f"declared twice, in lines {lines[key.value]} and {line}; keep one")
        lines.setdefault(key.value, line)
        yield from _duplicates(value, here)


def _shown(path: tuple[str, ...]) -> str:
    return ".".join(path).removeprefix(_NAMESPACE)


def _syntax(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return f"{place}is no YAML: {getattr(error, 'problem', None) or error}"

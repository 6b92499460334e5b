"""From a stack file, or from the setting as Pulumi read it, to the declaration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from infra.catalogue.names import PROJECT
from infra.declaration.model import Platform
from infra.declaration.problems import DeclarationError, Problem, suggestion, to_problems
from infra.declaration.references import undeclared
from infra.declaration.rules import broken_rules
from infra.declaration.secrets import ProvidedValues, broken_value_rules, plain_text_secrets

SETTING = "platform"
"""The only structured setting in the project's namespace, and the root of each path in a message."""

_NAMESPACE = f"config.{PROJECT}:"
_SECTIONS = {
    field.alias
    for field in Platform.model_fields.values()
    if not field.is_required() and not isinstance(field.default, str | bool)
}
"""Optional groups of settings; one that is written with nothing under it has its defaults."""


def load(file: Path, *, values: bool = True) -> Platform:
    """The declaration in a stack file; needs neither Pulumi's engine nor a stack. Without `values`, secrets that nobody
    has given a value yet are no problem."""
    config, problems = read_config(file)
    if problems:
        raise DeclarationError(file.name, problems)
    raw, provided = config.get(f"{PROJECT}:{SETTING}"), _provided(config)
    problems = _unknown_settings(provided, secret_names(raw))
    if problems:
        raise DeclarationError(file.name, problems)
    return declare(raw, file.name, file.parent, provided if values else None)


def declare(raw: object, file: str, root: Path = Path(), provided: ProvidedValues | None = None) -> Platform:
    """Validates the whole declaration, or raises all of its problems.

    `file` is the stack file's name in messages, and `root` the project's folder. Without `provided`, the values of
    secrets are not checked.
    """
    if raw is None:
        raise DeclarationError(file, [Problem(SETTING, f"missing; declare it under '{PROJECT}:{SETTING}'")])
    problems = list(plain_text_secrets(raw, (SETTING,)))
    if isinstance(raw, Mapping):
        raw = {key: {} if value is None and key in _SECTIONS else value for key, value in raw.items()}
        problems += undeclared(raw, SETTING)
    try:
        platform = Platform.model_validate(raw)
    except ValidationError as error:
        raise DeclarationError(file, [*to_problems(error, Platform, SETTING), *problems]) from None
    problems = problems or [*broken_rules(platform, root, SETTING), *_broken_values(platform, provided)]
    if problems:
        raise DeclarationError(file, problems)
    return platform


def secret_names(raw: object) -> list[str]:
    """Names of the declared secrets, whether the declaration is valid or not."""
    declared = raw.get("secrets") if isinstance(raw, Mapping) else None
    return [str(name) for name in declared] if isinstance(declared, Mapping) else []


def is_encrypted(value: object) -> bool:
    """Whether Pulumi encrypted the value of a setting."""
    return isinstance(value, dict) and set(value) == {"secure"}


def read_config(file: Path) -> tuple[dict[str, Any], list[Problem]]:
    """The file's `config`, and problems of the file itself.

    Duplicate keys are a problem: a YAML reader would silently take the last one.
    """
    try:
        node = yaml.compose(file.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except OSError as error:
        return {}, [Problem("", f"cannot be read: {error.strerror}")]
    except UnicodeDecodeError:
        return {}, [Problem("", "is not UTF-8 text")]
    except yaml.YAMLError as error:
        return {}, [Problem("", _syntax_error(error))]
    duplicates = list(_duplicates(node, ()))
    if duplicates:
        return {}, duplicates
    content = None if node is None else yaml.SafeLoader("").construct_document(node)
    config = content.get("config") if isinstance(content, dict) else None
    if not isinstance(config, dict):
        return {}, [Problem("", "has no mapping 'config'; write the settings under it")]
    return config, []


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
            shown = ".".join(here).removeprefix(_NAMESPACE)
            yield Problem(shown, f"declared twice, in lines {lines[key.value]} and {line}; keep one")
        lines.setdefault(key.value, line)
        yield from _duplicates(value, here)


def _syntax_error(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    position = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return f"{position}invalid YAML: {getattr(error, 'problem', None) or error}"


def _broken_values(platform: Platform, provided: ProvidedValues | None) -> list[Problem]:
    found = broken_value_rules(platform, provided) if provided is not None else ()
    return [Problem(f"{SETTING}.{problem.path}", problem.message) for problem in found]


def _provided(config: Mapping[str, Any]) -> dict[str, bool]:
    """The project's other settings by name: whether Pulumi encrypted each."""
    own = {key.removeprefix(f"{PROJECT}:"): value for key, value in config.items() if key.startswith(f"{PROJECT}:")}
    return {name: is_encrypted(value) for name, value in own.items() if name != SETTING}


def _unknown_settings(provided: ProvidedValues, secrets: list[str]) -> list[Problem]:
    known = [f"{PROJECT}:{name}" for name in (SETTING, *secrets)]
    keys = [f"{PROJECT}:{name}" for name in provided]
    return [Problem("config", f"unknown setting '{key}'{suggestion(key, known)}") for key in keys if key not in known]

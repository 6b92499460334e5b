"""From a stack file, or from the setting as Pulumi read it, to the declaration."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from infra.catalogue.names import PROJECT
from infra.declaration.model import Platform
from infra.declaration.names import broken_stack_name
from infra.declaration.problems import DeclarationError, Problem, suggestion, to_problems
from infra.declaration.references import undeclared
from infra.declaration.rules import broken_rules
from infra.declaration.secrets import ProvidedValues, broken_value_rules, plain_text_secrets
from infra.declaration.yaml_reader import LONGEST_FILE, read

SETTING = "platform"
"""The only structured setting in the project's namespace, and the root of each path in a message."""

_NAMESPACE = f"config.{PROJECT}:"


def load(file: Path, *, values: bool = True) -> Platform:
    """The declaration in a stack file; needs neither Pulumi's engine nor a stack. Without `values`, secrets that nobody
    has given a value yet are no problem."""
    return _load(file, read_config(file), values)


def load_content(content: bytes, file: Path, *, values: bool = True) -> Platform:
    """As `load`, before the content is written to the file."""
    return _load(file, _config(content), values)


def _load(file: Path, found: tuple[dict[str, Any], list[Problem]], values: bool) -> Platform:
    config, problems = found
    if problems:
        raise DeclarationError(file.name, problems)
    raw, provided = config.get(f"{PROJECT}:{SETTING}"), _provided(config)
    problems = _unknown_settings(provided, secret_names(raw))
    if problems:
        raise DeclarationError(file.name, problems)
    return declare(raw, file.name, file.parent, provided if values else None)


def declare(raw: object, file: str, root: Path = Path(), provided: ProvidedValues | None = None) -> Platform:
    """Validates the whole declaration, or raises all of its problems.

    `file` is the stack file's name, which also names the stack, and `root` the project's folder. Without `provided`,
    the values of secrets are not checked.
    """
    if raw is None:
        raise DeclarationError(file, [Problem(SETTING, f"missing; declare it under '{PROJECT}:{SETTING}'")])
    problems = list(plain_text_secrets(raw, (SETTING,)))
    if isinstance(raw, Mapping):
        problems += undeclared({key: value for key, value in raw.items() if value is not None}, SETTING)
    try:
        platform = Platform.model_validate(raw)
    except ValidationError as error:
        raise DeclarationError(file, [*to_problems(error, Platform, SETTING), *problems]) from None
    problems = problems or [
        *broken_stack_name(file, platform),
        *broken_rules(platform, root, SETTING),
        *_broken_values(platform, provided),
    ]
    if problems:
        raise DeclarationError(file, problems)
    return platform


def secret_names(raw: object) -> list[str]:
    """Names of the declared secrets, whether the declaration is valid or not."""
    declared = raw.get("secrets") if isinstance(raw, Mapping) else None
    return [str(name) for name in declared] if isinstance(declared, Mapping) else []


def is_encrypted(value: object) -> bool:
    """Whether Pulumi encrypted the value of a setting."""
    return isinstance(value, dict) and set(value) == {"secure"} and isinstance(value["secure"], str)


def read_config(file: Path) -> tuple[dict[str, Any], list[Problem]]:
    """The file's `config`, and problems of the file itself."""
    try:
        with file.open("rb") as stream:
            return _config(stream.read(LONGEST_FILE + 1))
    except OSError as error:
        return {}, [Problem("", f"cannot be read: {error.strerror}")]


def _config(content: bytes) -> tuple[dict[str, Any], list[Problem]]:
    if len(content) > LONGEST_FILE:
        return {}, [Problem("", f"is too large; write at most {LONGEST_FILE // 1024} KiB")]
    try:
        document, problems = read(content.decode("utf-8"))
    except UnicodeDecodeError:
        return {}, [Problem("", "is not UTF-8 text")]
    if problems:
        return {}, [Problem(problem.path.removeprefix(_NAMESPACE), problem.message) for problem in problems]
    config = document.get("config") if isinstance(document, dict) else None
    if not isinstance(config, dict):
        return {}, [Problem("", "has no mapping 'config'; write the settings under it")]
    return config, [*_other_spellings(config), *_encrypted(config.get(f"{PROJECT}:{SETTING}"), SETTING)]


def _other_spellings(config: Mapping[str, Any]) -> Iterator[Problem]:
    """Pulumi adds a missing project to a key, and takes it out of a longer one: two keys could mean one setting."""
    for key in config:
        if not re.fullmatch(r"[^:]+:[^:]+", key):
            yield Problem("config", f"the key {key!r} has no project; write <project>:<name> as in {PROJECT}:{SETTING}")


def _encrypted(raw: object, path: str) -> Iterator[Problem]:
    """The engine decrypts these values, so that the program sees others than this command."""
    if is_encrypted(raw):
        message = "'secure' marks an encrypted value, which can't be in the declaration"
        yield Problem(path, f"{message}; declare a secret under 'secrets', or write another name")
    elif isinstance(raw, dict | list):
        for key, value in raw.items() if isinstance(raw, dict) else enumerate(raw):
            yield from _encrypted(value, f"{path}.{key}")


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

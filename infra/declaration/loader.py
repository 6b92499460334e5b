"""From a stack file, or from what Pulumi read out of it, to the declaration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from infra.catalogue.names import PROJECT
from infra.declaration.messages import to_problems
from infra.declaration.model import Platform
from infra.declaration.problems import DeclarationError, Problem, suggestion
from infra.declaration.references import undeclared
from infra.declaration.rules import broken_rules
from infra.declaration.secret_rules import GivenValues, broken_value_rules, secrets_in_clear
from infra.declaration.stack_file import is_encrypted, read_config

SETTING = "platform"
"""The one structured setting under the project's namespace, and the root of every path in a message."""


def load(file: Path) -> Platform:
    """The declaration in a stack file; needs neither Pulumi's engine nor a stack."""
    config, problems = read_config(file)
    if problems:
        raise DeclarationError(file.name, problems)
    written, given = config.get(f"{PROJECT}:{SETTING}"), _given(config)
    problems = _unknown_settings(given, secret_names(written))
    if problems:
        raise DeclarationError(file.name, problems)
    return declare(written, file.name, file.parent, given)


def declare(written: object, where: str, root: Path = Path(), given: GivenValues | None = None) -> Platform:
    """Checks everything before anything is touched.

    `where` names the stack file, `root` is the project's folder; without `given` the secrets' values are not minded.
    """
    if written is None:
        raise DeclarationError(where, [Problem(SETTING, f"missing; declare it under '{PROJECT}:{SETTING}'")])
    in_clear = list(secrets_in_clear(written, (SETTING,)))
    references = [*in_clear, *(undeclared(written, SETTING) if isinstance(written, Mapping) else [])]
    try:
        platform = Platform.model_validate(written)
    except ValidationError as error:
        raise DeclarationError(where, [*to_problems(error, Platform, SETTING), *references]) from None
    problems = references or [*broken_rules(platform, root, SETTING), *_broken_values(platform, given)]
    if problems:
        raise DeclarationError(where, problems)
    return platform


def secret_names(written: object) -> list[str]:
    """The secrets that are declared, right or wrong."""
    declared = written.get("secrets") if isinstance(written, Mapping) else None
    return [str(name) for name in declared] if isinstance(declared, Mapping) else []


def _broken_values(platform: Platform, given: GivenValues | None) -> list[Problem]:
    found = broken_value_rules(platform, given) if given is not None else ()
    return [Problem(f"{SETTING}.{problem.path}", problem.message) for problem in found]


def _given(config: Mapping[str, Any]) -> dict[str, bool]:
    """The project's other settings by name: whether each is encrypted, as Pulumi writes what is."""
    own = {key.removeprefix(f"{PROJECT}:"): value for key, value in config.items() if key.startswith(f"{PROJECT}:")}
    return {name: is_encrypted(value) for name, value in own.items() if name != SETTING}


def _unknown_settings(given: GivenValues, secrets: list[str]) -> list[Problem]:
    known = [f"{PROJECT}:{name}" for name in (SETTING, *secrets)]
    keys = [f"{PROJECT}:{name}" for name in given]
    return [Problem("config", f"unknown setting '{key}'{suggestion(key, known)}") for key in keys if key not in known]

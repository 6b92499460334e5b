"""From a stack file, or from what Pulumi read out of it, to the declaration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from infra.declaration.messages import to_problems
from infra.declaration.model import Platform
from infra.declaration.problems import DeclarationError, Problem, suggestion
from infra.declaration.references import undeclared
from infra.declaration.rules import broken_rules
from infra.declaration.stack_file import read_config
from infra.naming import PROJECT

SETTING = "platform"
"""The one structured setting under the project's namespace, and the root of every path in a message."""


def load(file: Path) -> Platform:
    """The declaration in a stack file; needs neither Pulumi's engine nor a stack."""
    config, problems = read_config(file)
    if problems:
        raise DeclarationError(file.name, problems)
    return declare(_platform_setting(config, file.name), file.name, file.parent)


def declare(written: object, where: str, root: Path = Path()) -> Platform:
    """Checks everything before anything is touched; `where` names the stack file, `root` is the project's folder."""
    if written is None:
        raise DeclarationError(where, [Problem(SETTING, f"missing; declare it under '{PROJECT}:{SETTING}'")])
    references = undeclared(written, SETTING) if isinstance(written, Mapping) else []
    try:
        platform = Platform.model_validate(written)
    except ValidationError as error:
        raise DeclarationError(where, [*to_problems(error, Platform, SETTING), *references]) from None
    problems = references or broken_rules(platform, root, SETTING)
    if problems:
        raise DeclarationError(where, problems)
    return platform


def _platform_setting(config: Mapping[str, Any], where: str) -> object:
    own = [key for key in config if key.startswith(f"{PROJECT}:")]
    unknown = [key for key in own if key != f"{PROJECT}:{SETTING}"]
    if unknown:
        known = [f"{PROJECT}:{SETTING}"]
        raise DeclarationError(
            where, [Problem("config", f"unknown setting '{key}'{suggestion(key, known)}") for key in unknown]
        )
    return config.get(f"{PROJECT}:{SETTING}")

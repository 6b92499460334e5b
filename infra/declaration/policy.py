"""Declared exceptions from pod rules, each with its reason."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from infra.catalogue.pod_rules import POD_RULES
from infra.declaration.problems import suggestion
from infra.declaration.settings import Settings
from infra.declaration.types import Name

_RULES = tuple(rule.name for rule in POD_RULES)
_WORDS = r"\w\S*(\s+\S*\w\S*){2,}"
"""At least three words, each with a letter or digit."""


def _rule(value: str) -> str:
    if value not in _RULES:
        raise ValueError(f"{value!r} is no rule about pods{suggestion(value, _RULES)}")
    return value


def _reason(value: object) -> str:
    if not isinstance(value, str) or not re.search(_WORDS, value):
        raise ValueError("an exception needs a reason; write what needs it and who allowed it, in a few words")
    return value


Rule = Annotated[str, AfterValidator(_rule), WithJsonSchema({"type": "string", "enum": list(_RULES)})]
Reason = Annotated[str, BeforeValidator(_reason), WithJsonSchema({"type": "string", "pattern": _WORDS})]


class Policy(Settings):
    """Exceptions from the policy pack and the admission policies."""

    exceptions: dict[Rule, dict[Name, Reason]] = Field(
        default={}, description="By rule and namespace, the reason for the exception"
    )

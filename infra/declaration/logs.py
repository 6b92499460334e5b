"""The store of the logs of pods."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from infra.declaration.monitoring_types import Span
from infra.declaration.types import Memory, Settings, memory_bytes, written

_DAYS = r"^[1-9]\d{0,8}d$"
_LEAST = "256Mi"


def _whole_days(value: object) -> object:
    """The store deletes logs by the day."""
    if not isinstance(value, str) or not re.fullmatch(_DAYS, value, re.ASCII):
        raise ValueError(f"{value!r} is not a number of days; write one such as 7d")
    return value


def _room(value: str) -> str:
    """The store needs it even for a few lines."""
    if memory_bytes(value) < memory_bytes(_LEAST):
        raise ValueError(f"{value!r} is too small for the store; write at least {_LEAST}")
    return value


Days = Annotated[
    Span,
    BeforeValidator(_whole_days),
    WithJsonSchema({"type": "string", "pattern": _DAYS, "examples": ["7d", "30d"]}),
]


class Logs(Settings):
    """Logs of all pods of teams and of the platform, kept after their pods and nodes are gone: `make logs JOB=name`.

    Only a team's developers and admins read its logs.
    """

    retention: Days = Field(default=written("7d"), description="How long logs are kept, in days")
    storage: Annotated[Memory, AfterValidator(_room)] = Field(
        default="2Gi",
        description="The size of the store's volume, at least 256Mi. The oldest days are deleted before it is full, "
        "but never the newest two: it must have room for two noisy days of all teams together",
    )

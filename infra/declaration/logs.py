"""The store of the logs of pods."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

from infra.declaration.monitoring_types import SPAN_SCHEMA, Span
from infra.declaration.types import Memory, Settings, written

_DAY = 24 * 3600


def _whole_days(seconds: int) -> int:
    if seconds < _DAY or seconds % _DAY:
        raise ValueError("is not a number of days: the store deletes logs by the day; write one such as 7d")
    return seconds


Days = Annotated[Span, AfterValidator(_whole_days), WithJsonSchema({**SPAN_SCHEMA, "examples": ["7d", "30d"]})]


class Logs(Settings):
    """Logs of all pods of teams and of the platform, kept after their pods and nodes are gone: `make logs JOB=name`.

    Only a team's developers and admins read its logs.
    """

    retention: Days = Field(default=written("7d"), description="How long logs are kept, in days")
    storage: Memory = Field(
        default="2Gi",
        description="The size of the store's volume; the oldest days are deleted before it is full",
    )

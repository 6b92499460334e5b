"""The nodes of everything that names no pool, and the weekly window in which they are replaced."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

from infra.declaration.types import Memory, Settings, matching

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEK = 7 * 24 * 60
_SHORTEST = 60
_WINDOW = rf"({'|'.join(DAYS)}):([01]\d|2[0-3]):([0-5]\d)"


def _window(value: str) -> str:
    example = "one such as sun:02:00-sun:06:00"
    matching(f"{_WINDOW}-{_WINDOW}", "a maintenance window", f"{example}, in UTC")(value)
    if not _SHORTEST <= length(value) <= _WEEK // 2:
        raise ValueError(f"{value!r} is shorter than an hour, or longer than half a week; write {example}")
    return value


def minutes(moment: str) -> int:
    """Minutes since Monday, 00:00, of a moment such as `sun:02:00`."""
    day, hour, minute = moment.split(":")
    return (DAYS.index(day) * 24 + int(hour)) * 60 + int(minute)


def length(window: str) -> int:
    """Minutes of a window, which may reach over the end of the week."""
    begin, end = window.split("-")
    return (minutes(end) - minutes(begin)) % _WEEK


MaintenanceWindow = Annotated[
    str,
    AfterValidator(_window),
    WithJsonSchema({"type": "string", "pattern": f"^{_WINDOW}-{_WINDOW}$", "examples": ["sun:02:00-sun:06:00"]}),
]


class SystemPool(Settings):
    """Nodes of everything that names no pool: the platform's own pods, and jobs and endpoints without one."""

    instance_types: Annotated[tuple[str, ...], Field(strict=False, min_length=1)] = Field(
        default=("m7i.xlarge", "m6i.xlarge"), description="EC2 instance types; a node may have any of them"
    )
    max: int = Field(default=6, ge=2, le=1000, description="Maximum number of nodes, by the vCPUs of the smallest type")
    disk: Memory = Field(default="100Gi", description="Size of each node's EBS volume")

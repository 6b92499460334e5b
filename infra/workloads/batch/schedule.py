"""Cron schedules and time zones, as Kubernetes accepts them.

The grammar is that of `ParseStandard` in github.com/robfig/cron v3, which validates a CronJob's schedule.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, WithJsonSchema

DESCRIPTORS = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_ENTRY = re.compile(r"(?:(?P<all>[*?])|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>\d{1,4}))?", re.ASCII)


@dataclass(frozen=True)
class _Field:
    name: str
    low: int
    high: int
    words: Sequence[str] = ()
    """Names of the values, from `low` on."""

    def accepts(self, text: str) -> bool:
        return all(self._accepts_entry(entry) for entry in text.split(","))

    def _accepts_entry(self, entry: str) -> bool:
        match = _ENTRY.fullmatch(entry)
        if match is None or (match["step"] is not None and int(match["step"]) == 0):
            return False
        if match["all"]:
            return True
        first, last = self._value(match["first"]), self._value(match["last"] or match["first"])
        return first is not None and last is not None and self.low <= first <= last <= self.high

    def _value(self, text: str) -> int | None:
        if text.lower() in self.words:
            return self.low + self.words.index(text.lower())
        return int(text) if text.isdecimal() else None


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 6, _DAYS),
)


def _schedule(value: str) -> str:
    if value in DESCRIPTORS:
        return value
    parts = value.split() if value.isprintable() else []
    if value.startswith("@") or len(parts) != len(_FIELDS):
        raise ValueError(
            f"{value!r} is not a schedule; write five fields such as '0 3 * * mon' (minute, hour, day of month, month, "
            f"day of week), or one of {', '.join(DESCRIPTORS)}"
        )
    for field, part in zip(_FIELDS, parts, strict=True):
        if not field.accepts(part):
            raise ValueError(
                f"{value!r}: {part!r} is no {field.name}; write numbers from {field.low} to {field.high}, '*', "
                "lists (1,2), ranges (1-5) or steps (*/15)"
            )
    return value


def _time_zone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError(f"{value!r} is no time zone of IANA's database; write one such as Europe/Berlin")
    return value


Schedule = Annotated[str, AfterValidator(_schedule), WithJsonSchema({"type": "string", "examples": ["0 3 * * *"]})]
TimeZone = Annotated[str, AfterValidator(_time_zone), WithJsonSchema({"type": "string", "examples": ["Europe/Berlin"]})]

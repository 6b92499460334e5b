"""Cron schedules and time zones, as Kubernetes accepts them.

The grammar is that of `ParseStandard` in github.com/robfig/cron v3, which validates a CronJob's schedule.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, WithJsonSchema

_MEANINGS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
DESCRIPTORS = tuple(_MEANINGS)
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

    def values(self, text: str) -> set[int]:
        """That the schedule matches."""
        return {value for entry in text.split(",") for value in self._values(entry)}

    def _values(self, entry: str) -> range:
        match = _ENTRY.fullmatch(entry)
        assert match is not None
        first = None if match["all"] else self._value(match["first"])
        last = self._value(match["last"]) if match["last"] else (None if match["step"] else first)
        low, high = self.low if first is None else first, self.high if last is None else last
        return range(low, high + 1, int(match["step"] or 1))

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
_DAYS_OF_A_MONTH = Decimal(730) / 24
_EVERY = {"*", "?", "*/1", "?/1"}
"""What leaves the choice of days to the other of the two fields."""
_FIRST, _CYCLE = date(2001, 1, 1), 28 * 365 + 7
"""After 28 years, the days of the week repeat."""


def runs_a_month(schedule: str) -> Decimal:
    """How often it starts a job on average, in a month of 730 hours."""
    parts = _MEANINGS.get(schedule, schedule).split()
    minutes, hours, days, months, weekdays = (field.values(part) for field, part in zip(_FIELDS, parts, strict=True))
    either = not any(_EVERY.intersection(part.split(",")) for part in (parts[2], parts[4]))
    matching = 0
    for number in range(_CYCLE):
        day = _FIRST + timedelta(number)
        of_month, of_week = day.day in days, day.isoweekday() % 7 in weekdays
        matching += day.month in months and ((of_month or of_week) if either else (of_month and of_week))
    return len(minutes) * len(hours) * matching * _DAYS_OF_A_MONTH / _CYCLE


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

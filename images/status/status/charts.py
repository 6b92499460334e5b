"""Series as lines and bars. Drawings contain no text: names, numbers and axes are rendered by the page.

A drawing is 1000 by 100 units, stretched to whatever room there is; lines keep their width.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from status import units

WIDTH, HEIGHT = 1000, 100
DRAWN = 8
"""Lines that can still be told apart."""
GONE = "none"
"""Instead of a value now, for a series that has ended."""
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Series:
    """Values by time; times without one are left out."""

    name: str
    points: Sequence[tuple[float, float]]

    @property
    def values(self) -> list[float]:
        return [value for _, value in self.points]


@dataclass(frozen=True)
class Span:
    """From when to when, with a value every `step` seconds."""

    start: float
    end: float
    step: float

    def gap(self, before: float, after: float) -> bool:
        """Whether a value is missing between these."""
        return after - before > 1.5 * self.step

    def reached_by(self, each: Series) -> bool:
        """Whether there is a value now."""
        return not self.gap(each.points[-1][0], self.end)


@dataclass(frozen=True)
class Line:
    """`path` is SVG's; the numbers are text."""

    name: str
    path: str
    last: str
    low: str
    high: str


@dataclass(frozen=True)
class Lines:
    """`scale` is from the top down; `more` series are too many to draw."""

    lines: Sequence[Line]
    scale: Sequence[str]
    more: int


@dataclass(frozen=True)
class Bar:
    """`part` of 1000."""

    name: str
    value: str
    part: int


def series(name: str, content: Mapping[str, Any]) -> Series:
    """As Prometheus answers, in a vector or a matrix."""
    pairs = content["values"] if "values" in content else [content["value"]]
    points = [(float(time), float(value)) for time, value in pairs]
    return Series(name, [(time, value) for time, value in points if math.isfinite(value)])


def lines(found: Sequence[Series], span: Span, unit: str, whole: float | None = None) -> Lines:
    """Those that are largest at the end come first, those that have ended last; the first ones are drawn."""
    full = [each for each in found if each.points]
    full.sort(key=lambda each: (not span.reached_by(each), -each.points[-1][1], each.name))
    drawn = full[:DRAWN]
    values = [value for each in drawn for value in each.values]
    top = ceiling(max(values, default=0.0), units.base(unit))
    if whole is not None and max(values, default=0.0) <= whole:
        top = whole
    bottom = -ceiling(-min(values, default=0.0), units.base(unit)) if min(values, default=0.0) < 0 else 0.0
    scale = [units.shown(bottom + (top - bottom) * part, unit) for part in (1, 0.5, 0)]
    return Lines([_line(each, span, bottom, top, unit) for each in drawn], scale, len(full) - len(drawn))


def bars(found: Sequence[Series], whole: float | None, unit: str) -> list[Bar]:
    """The largest first; full is `whole`, or else the largest."""
    last = sorted(
        ((each.points[-1][1], each.name) for each in found if each.points), key=lambda pair: (-pair[0], pair[1])
    )
    full = whole or max((value for value, _ in last), default=0.0)
    return [Bar(name, units.shown(value, unit), _part(value, full)) for value, name in last]


def ceiling(value: float, base: int = 1000) -> float:
    """The next round number, so that half of it is one too; 1 where there is nothing to be seen."""
    if value <= 0:
        return 1.0
    scale = float(base) ** math.floor(math.log(value, base))
    power = 10.0 ** math.floor(math.log10(value / scale))
    return next(step * power * scale for step in STEPS if step * power * scale >= value * (1 - 1e-9))


def _part(value: float, full: float) -> int:
    return round(max(0.0, min(value / full, 1.0)) * WIDTH) if full > 0 else 0


def _line(each: Series, span: Span, bottom: float, top: float, unit: str) -> Line:
    values = each.values
    last = units.shown(values[-1], unit) if span.reached_by(each) else GONE
    path = _path(each.points, span, bottom, top)
    return Line(each.name, path, last, units.shown(min(values), unit), units.shown(max(values), unit))


def _path(points: Sequence[tuple[float, float]], span: Span, bottom: float, top: float) -> str:
    """A gap in time is a gap in the line; a point by itself is a dot."""
    parts, before = [], -math.inf
    for position, (time, value) in enumerate(points):
        x = (time - span.start) / max(span.end - span.start, 1) * WIDTH
        y = HEIGHT - (value - bottom) / (top - bottom) * HEIGHT
        begins = span.gap(before, time)
        alone = begins and (position + 1 == len(points) or span.gap(time, points[position + 1][0]))
        parts.append(f"{'M' if begins else 'L'}{x:.1f} {y:.1f}{'h0' if alone else ''}")
        before = time
    return "".join(parts)

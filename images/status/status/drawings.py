"""Panels with their data from Prometheus, ready to be rendered."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from status import charts, units
from status.charts import Bar, Lines, Span
from status.dashboards import Dashboard, Panel, read, series_name
from status.seen import Seen
from status.sources import Prometheus, Unanswered

POINTS = 180
SHORTEST_STEP = 15.0


@dataclass(frozen=True)
class Drawing:
    """`lines`, `bars` or `number`, by the panel's kind; `problem` if there is no data."""

    panel: Panel
    lines: Lines | None = None
    bars: Sequence[Bar] = ()
    number: str = ""
    problem: str = ""

    @property
    def words(self) -> str:
        """The chart's values as text, for screen readers."""
        if self.lines is None or not self.lines.lines:
            return f"{self.panel.title}: no data"
        told = [f"{line.name} {line.last}" for line in self.lines.lines]
        return f"{self.panel.title}, now: {'; '.join(told)}"


@dataclass(frozen=True)
class Drawn:
    """A dashboard."""

    uid: str
    title: str
    about: str
    stats: Sequence[Drawing]
    charts: Sequence[Drawing]


async def draw(prometheus: Prometheus, folder: Path, now: float, seconds: float, seen: Seen) -> list[Drawn]:
    """All dashboards; none if Prometheus does not answer, which is already among the problems."""
    if not seen.measured:
        return []
    step = max(SHORTEST_STEP, seconds / POINTS)
    end = now - now % step
    try:
        dashboards = read(folder)
    except (OSError, ValueError, KeyError) as error:
        seen.problems.append(f"the dashboards in {folder} cannot be read: {error}")
        return []
    span = Span(end - seconds, end, step)
    return await asyncio.gather(*(_dashboard(prometheus, each, span) for each in dashboards))


async def _dashboard(prometheus: Prometheus, dashboard: Dashboard, span: Span) -> Drawn:
    drawn = await asyncio.gather(*(_draw(prometheus, panel, span) for panel in dashboard.panels))
    stats = [each for each in drawn if each.panel.kind == "stat"]
    others = [each for each in drawn if each.panel.kind != "stat"]
    return Drawn(dashboard.uid, dashboard.title, dashboard.about, stats, others)


async def _draw(prometheus: Prometheus, panel: Panel, span: Span) -> Drawing:
    try:
        if panel.kind == "timeseries":
            answers = [
                await prometheus.over_time(query.expr, span.start, span.end, span.step) for query in panel.queries
            ]
        else:
            answers = [await prometheus.now(query.expr) for query in panel.queries]
    except Unanswered as problem:
        return Drawing(panel, problem=str(problem))
    found = [
        charts.series(series_name(query.legend, each["metric"]), each)
        for query, answer in zip(panel.queries, answers, strict=True)
        for each in answer
    ]
    if not any(each.points for each in found):
        return Drawing(panel, problem="no data")
    if panel.kind == "timeseries":
        return Drawing(panel, lines=charts.lines(found, span, panel.unit, panel.whole))
    if panel.kind == "bargauge":
        return Drawing(panel, bars=charts.bars(found, panel.whole, panel.unit))
    values = [each.points[-1][1] for each in found if each.points]
    return Drawing(panel, number=", ".join(units.shown(value, panel.unit) for value in values))

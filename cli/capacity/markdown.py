"""A plan as Markdown, for the summary of a workflow run or a comment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cli.capacity.report import Limit, Report
from cli.capacity.words import SIGNS, filled, first_stop, place, reasons, sized
from cli.drift.markdown import code


def render(report: Report) -> str:
    """The whole report."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    scenario = f" with {code(report.scenario)}" if report.scenario else ""
    yield f"## Plan of {code(report.stack)}{scenario}: {report.headline()}"
    yield ""
    found = list(reasons(report))
    yield from (f"- {SIGNS[outcome]} {line}" for outcome, line in found)
    yield f"- first to stop growing: {first_stop(report)}"
    if report.rows:
        yield from [
            "",
            "| workload | smallest | usual | largest | one pod needs | where |",
            "|---|---|---|---|---|---|",
        ]
        for row in report.rows:
            sizes = [f"{SIGNS[each.outcome]} {sized(row, each)}" for each in row.verdicts]
            yield f"| {' | '.join([code(row.name), *sizes, row.needs, place(row)])} |"
    yield from _limits("pool", report.pools)
    yield from _limits("quota of team", report.teams)
    yield ""
    yield from (f"- {note}" for note in report.notes)


def _limits(what: str, limits: Sequence[Limit]) -> Iterator[str]:
    if limits:
        yield from ["", f"| {what} | usual | largest |", "|---|---|---|"]
    for limit in limits:
        yield f"| {' | '.join([code(limit.name), *(filled(limit, fill) for fill in limit.fills)])} |"

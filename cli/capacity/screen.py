"""A plan on a terminal: a table of workloads, why some do not fit, then pools and quotas."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from cli.capacity.report import Limit, Outcome, Report
from cli.capacity.words import SIGNS, filled, first_stop, place, reasons, sized
from common.console import console

_COLOURS: dict[Outcome, str] = {"fits": "green", "unknown": "yellow", "waits": "yellow", "never": "red"}


def show(report: Report) -> None:
    """Print the report."""
    for part in parts(report):
        console.print(part)


def parts(report: Report) -> Iterator[RenderableType]:
    """With rich's mark-up."""
    if report.rows:
        yield _workloads(report)
    for outcome, line in reasons(report):
        yield f"{_mark(outcome)} {escape(line)}"
    if report.pools:
        yield _limits("pool", report.pools)
    if report.teams:
        yield _limits("quota of team", report.teams)
    yield f"first to stop growing: {escape(first_stop(report))}"
    for note in report.notes:
        yield f"[dim]{escape(note)}[/]"
    what = f"stack {report.stack}" + (f" with {report.scenario}" if report.scenario else "")
    yield f"{_mark(report.outcome)} {escape(what)}: {escape(report.headline())}"


def _workloads(report: Report) -> Table:
    table = Table(box=box.SIMPLE, pad_edge=False)
    for name in ("workload", "smallest", "usual", "largest", "one pod needs", "where"):
        table.add_column(name, overflow="fold")
    for row in report.rows:
        sizes = [f"{_mark(each.outcome)} {sized(row, each)}" for each in row.verdicts]
        table.add_row(escape(row.name), *sizes, escape(row.needs), escape(place(row)))
    return table


def _limits(what: str, limits: Sequence[Limit]) -> Table:
    table = Table(box=box.SIMPLE, pad_edge=False)
    for name in (what, "usual", "largest"):
        table.add_column(name, overflow="fold")
    for limit in limits:
        table.add_row(escape(limit.name), *(filled(limit, fill) for fill in limit.fills))
    return table


def _mark(outcome: Outcome) -> str:
    return f"[{_COLOURS[outcome]}]{SIGNS[outcome]}[/]"

"""A report on a terminal: a line for each item, and below one that has not passed its reason and evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.markup import escape

from cli.conformance.checklist import VERSION
from cli.conformance.report import Report, Result, Verdict
from common.console import console

_MARKS: Mapping[Verdict, str] = {
    "passed": "[green]✓[/]",
    "failed": "[bold red]✗[/]",
    "error": "[bold red]?[/]",
    "not shown": "[yellow]-[/]",
}


def show(report: Report) -> None:
    """Print the report."""
    for line in lines(report):
        console.print(line)


def lines(report: Report) -> Iterator[str]:
    """With rich's mark-up."""
    for result in report.results:
        yield from _item(result)
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    yield f"[dim]CNCF AI conformance {VERSION}; {escape(versions)}; {report.at}[/]"
    yield f"[bold]stack {escape(report.stack)}: {report.headline()}[/]"


def _item(result: Result) -> Iterator[str]:
    item, outcome = result.item, result.outcome
    yield f"{_MARKS[outcome.verdict]} {item.level:8} {item.id}: {outcome.verdict}"
    if outcome.reason:
        yield f"    {escape(outcome.reason)}"
    for each in outcome.evidence:
        yield f"    [dim]{escape(each.ran)} → {escape(each.saw)}[/]"

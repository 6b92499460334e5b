"""A report on a terminal: a line for each field, and the fix for each object."""

from collections.abc import Iterator
from itertools import groupby

from rich.markup import escape

from cli.drift.report import Drift, Report
from common.console import console


def show(report: Report) -> None:
    """Print the report."""
    for line in lines(report):
        console.print(line)


def lines(report: Report) -> Iterator[str]:
    """With rich's mark-up."""
    for _, found in groupby(report.drift, key=lambda each: (each.object, each.fix)):
        of_object = list(found)
        for each in of_object:
            yield f"[red]✗[/] {escape(described(each))}"
        yield f"  [dim]{escape(of_object[0].fix)}[/]"
    for line in report.not_compared:
        yield f"[yellow]![/] not compared: {escape(line)}"
    mark = "[bold red]✗[/]" if report.drift else "[green]✓[/]"
    yield f"{mark} stack {escape(report.stack)}: {escape(report.headline())}"


def described(drift: Drift) -> str:
    """Such as `Deployment vision/digits: spec.replicas: declared 2, found 1`."""
    if drift.kind == "deleted":
        return f"{drift.object}: deleted"
    if drift.kind == "added":
        return f"{drift.object}: {drift.field}: not declared, found {drift.found}"
    return f"{drift.object}: {drift.field}: declared {drift.declared}, found {drift.found}"

"""A report as Markdown: a table of items, and the evidence of each."""

from __future__ import annotations

from collections.abc import Iterator

from cli.conformance.checklist import SOURCE, VERSION
from cli.conformance.report import Report, Result
from cli.drift.markdown import code


def render(report: Report) -> str:
    """The whole report."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield f"## AI conformance of {code(report.stack)}: {report.headline()}"
    yield ""
    yield f"[CNCF's checklist {VERSION}]({SOURCE}), examined at {report.at}."
    yield ""
    yield from (f"- {name}: {code(version)}" for name, version in report.versions.items())
    yield ""
    yield "| item | level | result | why |"
    yield "|---|---|---|---|"
    yield from map(_row, report.results)
    for result in report.results:
        if result.outcome.evidence:
            yield from ["", f"### {result.item.id}", "", result.item.asks, "", "| run | seen | at |", "|---|---|---|"]
            yield from (f"| {code(each.ran)} | {code(each.saw)} | {each.at} |" for each in result.outcome.evidence)


def _row(result: Result) -> str:
    why = code(result.outcome.reason) if result.outcome.reason else ""
    return f"| {result.item.id} | {result.item.level} | **{result.outcome.verdict}** | {why} |"

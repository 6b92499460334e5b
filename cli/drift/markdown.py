"""A report as Markdown, for an issue or the summary of a workflow run.

Values that somebody else has written are formatted as code: no links, images or mentions.
"""

import re
from collections.abc import Iterator

from cli.drift.report import Drift, Report

_LONGEST = 60_000
"""Bytes; GitHub takes 65536 characters."""
_CUT = "\n\n… cut: too long\n"


def render(report: Report) -> str:
    """The whole report, cut if it is too long."""
    text = "\n".join(_lines(report)) + "\n"
    if len(text.encode()) <= _LONGEST:
        return text
    return text.encode()[: _LONGEST - len(_CUT.encode())].decode(errors="ignore").rpartition("\n")[0] + _CUT


def _lines(report: Report) -> Iterator[str]:
    yield f"## Drift in {code(report.stack)}: {report.headline()}"
    yield ""
    if report.drift:
        yield "| object | field | declared | found |"
        yield "|---|---|---|---|"
        yield from (_row(each) for each in report.drift)
        yield from ["", "**Fix**", ""]
        fixes: dict[str, list[str]] = {}
        for each in report.drift:
            fixes.setdefault(each.fix, []).append(each.object)
        for fix, objects in fixes.items():
            yield f"- {', '.join(code(name) for name in dict.fromkeys(objects))}: {fix}"
        yield ""
    yield from (f"- not compared: {line}" for line in report.not_compared)


def _row(drift: Drift) -> str:
    if drift.kind == "deleted":
        return f"| {code(drift.object)} | | | **deleted** |"
    return f"| {' | '.join(code(text) for text in (drift.object, drift.field, drift.declared, drift.found))} |"


def code(text: str) -> str:
    """Text as code in a table: its fence is longer than any in the text."""
    quoted = text.replace("|", "\\|").replace("\n", " ") or " "
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", quoted)), default=0))
    padding = " " if quoted.startswith("`") or quoted.endswith("`") else ""
    return f"{fence}{padding}{quoted}{padding}{fence}"

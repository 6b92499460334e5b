"""`make drift`: a report as text, JSON or Markdown, and an exit code for schedulers."""

import json
from dataclasses import asdict

from cli.drift import markdown, screen
from cli.drift.compare import compare
from cli.drift.report import Report
from common.console import console


def show(name: str, *, as_json: bool = False, as_markdown: bool = False) -> int:
    """Compare stack `name` with the objects that exist, and print the report; the exit code."""
    console.stderr = as_json or as_markdown  # stdout is the document alone
    report = compare(name)
    if as_json:
        print(as_document(report))
    elif as_markdown:
        print(markdown.render(report), end="")
    else:
        screen.show(report)
    return report.exit_code


def as_document(report: Report) -> str:
    """The report as JSON."""
    return json.dumps(asdict(report), indent=2, ensure_ascii=False)

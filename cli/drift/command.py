"""`make drift`: a report as text, JSON or Markdown, and an exit code for schedulers."""

from cli.drift import markdown, screen
from cli.drift.compare import compare
from cli.printed import print_report
from common.console import console


def show(name: str, *, as_json: bool = False, as_markdown: bool = False) -> int:
    """Compare stack `name` with the objects that exist, and print the report; the exit code."""
    console.stderr = as_json or as_markdown  # stdout is the document alone
    report = compare(name)
    print_report(report, screen.show, markdown.render, as_json=as_json, as_markdown=as_markdown)
    return report.exit_code

"""`make plan`: a report as text, JSON or Markdown; exit code 1 if something can never run as declared."""

from __future__ import annotations

from pathlib import Path

from cli import preflight
from cli.capacity import markdown, screen
from cli.capacity.fleet import fleet
from cli.capacity.scenario import NOTHING_ELSE, load
from cli.capacity.verdict import examine
from cli.printed import print_report
from common.console import console


def show(name: str, scenario: Path | None, *, as_json: bool = False, as_markdown: bool = False) -> int:
    """Examine stack `name` in a scenario, and print the report; the exit code."""
    console.stderr = as_json or as_markdown  # stdout is the document alone
    declared = preflight.declaration(name, values=False)
    different = load(scenario, declared) if scenario else NOTHING_ELSE
    report = examine(name, fleet(declared, different), str(scenario or ""))
    print_report(report, screen.show, markdown.render, as_json=as_json, as_markdown=as_markdown)
    return report.exit_code

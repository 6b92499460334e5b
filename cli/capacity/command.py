"""`make plan`: a report as text, JSON or Markdown; exit code 1 if something can never run as declared."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from cli import preflight
from cli.capacity import markdown, screen
from cli.capacity.fleet import fleet
from cli.capacity.report import Report
from cli.capacity.scenario import NOTHING_ELSE, load
from cli.capacity.verdict import examine
from common.console import console


def show(name: str, scenario: Path | None, *, as_json: bool = False, as_markdown: bool = False) -> int:
    """Examine stack `name` in a scenario, and print the report; the exit code."""
    console.stderr = as_json or as_markdown  # stdout is the document alone
    declared = preflight.declaration(name, values=False)
    different = load(scenario, declared) if scenario else NOTHING_ELSE
    report = examine(name, fleet(declared, different), str(scenario or ""))
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

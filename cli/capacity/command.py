"""`make plan`: a report as text, JSON or Markdown; exit code 1 if something can never run as declared."""

from __future__ import annotations

from pathlib import Path

from cli import preflight
from cli.capacity import markdown, screen
from cli.capacity.fleet import Fleet, fleet
from cli.capacity.report import Report
from cli.capacity.scenario import NOTHING_ELSE, load
from cli.capacity.verdict import examine
from cli.printed import print_report
from common.console import Progress, console
from common.errors import CommandError
from offline import machine


def show(
    name: str, scenario: Path | None, *, quick: bool = False, as_json: bool = False, as_markdown: bool = False
) -> int:
    """Examine stack `name` in a scenario, and print the report; the exit code. `quick`: by arithmetic alone."""
    console.stderr = as_json or as_markdown  # stdout is the document alone
    declared = preflight.declaration(name, values=False)
    different = load(scenario, declared) if scenario else NOTHING_ELSE
    found, file = fleet(declared, different), str(scenario or "")
    report = examine(name, found, file) if quick else _simulated(name, found, file)
    print_report(report, screen.show, markdown.render, as_json=as_json, as_markdown=as_markdown)
    return report.exit_code


def _simulated(name: str, found: Fleet, scenario: str) -> Report:
    # It imports Pulumi, whose SDK takes a second.
    from cli.capacity.simulation import examine as simulation

    progress = Progress()
    try:
        machine.ensure_simulation(progress)
    except CommandError as error:
        hint = "QUICK=1 computes a plan without these programs"
        raise CommandError(
            error.what, error.why, log=error.log, hint=f"{error.hint}; {hint}" if error.hint else hint
        ) from None
    with progress.step(f"simulate stack {name}") as step:
        return simulation.examine(name, found, scenario, step.say)

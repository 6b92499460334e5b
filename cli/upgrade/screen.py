"""A verdict on a screen, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.markup import escape

from cli.upgrade.verdict import Verdict
from cli.upgrade.versions import name
from common.console import console


def show(stack: str, verdict: Verdict) -> None:
    """Print it."""
    for line in _lines(stack, verdict):
        console.print(line)


def as_json(stack: str, verdict: Verdict) -> dict[str, Any]:
    """For other programs."""
    return {
        "stack": stack,
        "current": name(verdict.current) if verdict.current is not None else None,
        "target": name(verdict.target),
        "fits": verdict.fits,
        "support": [*verdict.support],
        "findings": [asdict(finding) for finding in verdict.findings],
        "unknown": [asdict(finding) for finding in verdict.unknown],
        "steps": [asdict(step) for step in verdict.steps],
    }


def _lines(stack: str, verdict: Verdict) -> Iterator[str]:
    fits = "[green]fits[/]" if verdict.fits else "[red]does not fit[/]"
    unknown = f", {len(verdict.unknown)} unknown" if verdict.unknown else ""
    yield f"[bold]Stack {escape(stack)}, Kubernetes {_way(verdict)}: {fits}[/]{unknown}"
    yield f"[dim]{escape('; '.join(verdict.support))}[/]"
    for finding in verdict.findings:
        yield f"{'[red]✗[/]' if finding.blocking else '[yellow]![/]'} {escape(str(finding))}"
    for finding in verdict.unknown:
        yield f"[yellow]?[/] {escape(str(finding))}"
    for number, step in enumerate(verdict.steps, 1):
        yield f"{number}. [bold]{escape(step.who)}[/]: {escape(step.what)}"


def _way(verdict: Verdict) -> str:
    if verdict.current in (None, verdict.target):
        return name(verdict.target)
    return f"{name(verdict.current or 0)} to {name(verdict.target)}"

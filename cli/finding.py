"""What a check before a deployment finds."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.markup import escape

from common.console import console
from common.errors import CommandError


@dataclass(frozen=True)
class Finding:
    """A setting that does not fit what is there, why, and how to fix it; a warning unless `blocking`."""

    setting: str
    problem: str
    fix: str
    blocking: bool = True

    def __str__(self) -> str:
        return f"{self.setting}: {self.problem}; {self.fix}"


def report(findings: Sequence[Finding], who: str) -> None:
    """Print the findings, and fail if one of them is blocking."""
    for finding in findings:
        console.print(f"{'[red]✗[/]' if finding.blocking else '[yellow]![/]'} {escape(str(finding))}")
    blocking = sum(finding.blocking for finding in findings)
    if blocking:
        hint = "nothing was changed; fix the findings above"
        raise CommandError(f"{who} preflight: {blocking} blocking finding{'s' if blocking > 1 else ''}", hint=hint)

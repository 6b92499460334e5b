"""What was found, for all renderers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from cli.conformance.checklist import Item

Verdict = Literal["passed", "failed", "not shown", "error"]
CONFORMS, FAILED, ERROR = 0, 1, 2
"""Exit codes."""


def now() -> str:
    """UTC, to the second."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True)
class Evidence:
    """What was run, what was seen, and when."""

    ran: str
    saw: str
    at: str = field(default_factory=now)


@dataclass(frozen=True)
class Outcome:
    """`reason`: why it failed, or why it can't be shown."""

    verdict: Verdict
    reason: str = ""
    evidence: Sequence[Evidence] = ()


def judged(problems: Sequence[str], evidence: Sequence[Evidence], *, not_shown: str = "") -> Outcome:
    """A problem is a failure; without one, it passes unless something could not be shown."""
    if problems:
        return Outcome("failed", "; ".join(problems), evidence)
    return Outcome("not shown", not_shown, evidence) if not_shown else Outcome("passed", "", evidence)


@dataclass(frozen=True)
class Result:
    item: Item
    outcome: Outcome


@dataclass(frozen=True)
class Report:
    stack: str
    at: str
    versions: Mapping[str, str]
    results: Sequence[Result]

    def having(self, verdict: Verdict) -> list[Result]:
        return [each for each in self.results if each.outcome.verdict == verdict]

    @property
    def exit_code(self) -> int:
        """A failed item of any level fails; errors count only without one."""
        if self.having("failed"):
            return FAILED
        return ERROR if self.having("error") else CONFORMS

    def headline(self) -> str:
        """Such as `5 passed, 1 failed, 3 not shown; of 8 MUST: 3 passed, 1 failed, 4 not shown`."""
        musts = [each for each in self.results if each.item.level == "MUST"]
        return f"{_counted(self.results)}; of {len(musts)} MUST: {_counted(musts)}"


def _counted(results: Sequence[Result]) -> str:
    found = [each.outcome.verdict for each in results]
    verdicts: tuple[Verdict, ...] = ("passed", "failed", "error", "not shown")
    return ", ".join(f"{found.count(each)} {each}" for each in verdicts if each in found) or "none"

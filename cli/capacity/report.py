"""What a plan found, for all renderers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Outcome = Literal["fits", "waits", "never", "unknown"]
"""`waits`: not beside everything else of that size. `never`: not even beside endpoints at their smallest."""

Method = Literal["arithmetic", "simulation"]
ARITHMETIC: Method = "arithmetic"
SIMULATION: Method = "simulation"

ORDER: Sequence[Outcome] = ("fits", "unknown", "waits", "never")
"""The worst is the last one."""
FITS, NEVER_FITS = 0, 1
"""Exit codes."""


@dataclass(frozen=True)
class Verdict:
    """Of one size. `wanted` counts pods of an endpoint, or runs of a job."""

    size: str
    outcome: Outcome
    wanted: int
    fitting: int
    """For sure."""
    reason: str = ""
    message: str = ""
    fix: str = ""
    preempts: Sequence[str] = ()
    """Runs that are stopped for it."""


@dataclass(frozen=True)
class Row:
    """One workload."""

    name: str
    team: str
    pool: str
    """Empty: the nodes of everything that names no pool."""
    shape: str
    """One node."""
    needs: str
    """One pod."""
    pods: int
    """Of one run; 1 for an endpoint."""
    verdicts: Sequence[Verdict]

    @property
    def worst(self) -> Verdict:
        """The first of the worst outcome."""
        return max(self.verdicts, key=lambda each: ORDER.index(each.outcome))


@dataclass(frozen=True)
class Fill:
    """How full a pool or a quota is at one size, by its scarcest resource."""

    size: str
    used: str
    limit: str
    percent: int
    nodes: int = 0
    """In use, of a pool."""


@dataclass(frozen=True)
class Limit:
    """A pool at its maximum, or the quota of a team."""

    name: str
    fills: Sequence[Fill]
    shape: str = ""
    nodes: int = 0
    """Of a pool, at most."""


@dataclass(frozen=True)
class Report:
    stack: str
    scenario: str
    """The file; empty without one."""
    rows: Sequence[Row]
    pools: Sequence[Limit]
    teams: Sequence[Limit]
    first_limit: str
    """What stops growing first, if everything grows at the same time; empty if nothing does."""
    closest: str
    """Which pool or quota is closest to its limit at the largest size."""
    notes: Sequence[str] = ()
    """What is not counted."""
    by: Method = ARITHMETIC

    @property
    def exit_code(self) -> int:
        return NEVER_FITS if self.with_outcome("never") else FITS

    @property
    def outcome(self) -> Outcome:
        """The worst of all."""
        return max((row.worst.outcome for row in self.rows), key=ORDER.index, default=ORDER[0])

    def with_outcome(self, outcome: Outcome) -> list[Row]:
        """Workloads whose worst outcome it is."""
        return [row for row in self.rows if row.worst.outcome == outcome]

    def headline(self) -> str:
        """Such as `2 of 3 workloads fit at every size, 1 waits`."""
        if not self.rows:
            return "no workload is declared"
        many = len(self.rows)
        parts = [
            f"{len(self.with_outcome('fits'))} of {many} workload{'s' if many > 1 else ''} fit at every size",
            *(f"{count} {words}" for outcome, words in self._words if (count := len(self.with_outcome(outcome)))),
        ]
        return ", ".join(parts)

    @property
    def _words(self) -> Sequence[tuple[Outcome, str]]:
        return (
            ("never", "can never run as declared"),
            ("waits", "must wait for others"),
            ("unknown", f"can't be told by {self.by}"),
        )

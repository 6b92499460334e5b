"""What all renderers say in the same words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cli.capacity.report import ORDER, Fill, Limit, Outcome, Report, Row, Verdict

SIGNS: dict[Outcome, str] = {"fits": "✓", "unknown": "?", "waits": "!", "never": "✗"}
SAID: dict[Outcome, str] = {"fits": "fits", "unknown": "can't tell", "waits": "waits", "never": "never fits"}


def sized(row: Row, verdict: Verdict) -> str:
    """Such as `3 pods`, `5 of 8 pods`, `12 of 20 runs of 4 pods`."""
    many = f"{verdict.wanted}"
    if verdict.outcome in ("waits", "never") and verdict.wanted > 1:
        many = f"{verdict.fitting} of {verdict.wanted}"
    if row.name.startswith("serving/"):
        return f"{many} pod{'s' if verdict.wanted != 1 else ''}"
    pods = f" of {row.pods} pods" if row.pods > 1 else ""
    return f"{many} run{'s' if verdict.wanted != 1 else ''}{pods}"


def place(row: Row) -> str:
    """The pool and the size of its nodes."""
    if row.pool:
        return f"pool {row.pool}: {row.shape}"
    return f"no pool: {row.shape}" if row.shape else "no pool"


def reasons(report: Report) -> Iterator[tuple[Outcome, str]]:
    """A line for each workload and cause, the worst first: what it waits for, and what it stops."""
    for outcome in reversed(ORDER):
        for row in report.rows:
            found: dict[str, list[Verdict]] = {}
            for each in row.verdicts:
                if each.outcome == outcome:
                    found.setdefault(_why(each), []).append(each)
            for why, verdicts in found.items():
                if why:
                    yield outcome, f"{row.name}{_sizes(row, verdicts)}: {why}"


def _sizes(row: Row, verdicts: Sequence[Verdict]) -> str:
    """Nothing where it is true of all."""
    if len(verdicts) == len(row.verdicts):
        return ""
    return f", {' and '.join(each.size for each in verdicts)}"


def _why(verdict: Verdict) -> str:
    parts = []
    if verdict.message:
        parts.append(f"{SAID[verdict.outcome]}: {explained(verdict)}")
    if verdict.preempts:
        parts.append(f"stops {', '.join(verdict.preempts)}")
    if verdict.fix and verdict.outcome == "never":
        parts.append(verdict.fix)
    return "; ".join(parts)


def explained(verdict: Verdict) -> str:
    """Why it does not fit; empty if it does."""
    return f"{verdict.message} ({verdict.reason})" if verdict.message else ""


def first_stop(report: Report) -> str:
    """What stops growing first, or what is closest to that."""
    closest = f"; closest to its limit is {report.closest}" if report.closest else ""
    return report.first_limit or f"nothing that is declared{closest}"


def filled(limit: Limit, fill: Fill) -> str:
    """Such as `2 of 4 nodes, 2 GPUs of 4 GPUs (50 %)`."""
    nodes = f"{fill.nodes} of {limit.nodes} nodes, " if limit.shape else ""
    return f"{nodes}{fill.used} of {fill.limit} ({fill.percent} %)"

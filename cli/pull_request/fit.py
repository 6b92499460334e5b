"""What stops fitting on a stack's nodes and in its quotas, or starts to, when its declaration changes.

Both declarations are computed by the head's code, so a change of the program alone shows nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from cli.capacity.fleet import fleet
from cli.capacity.report import ORDER, Limit, Report, Row, Verdict
from cli.capacity.verdict import examine
from cli.capacity.words import SAID, explained
from infra.declaration.loader import load
from infra.declaration.problems import DeclarationError

_MOST = 8
"""Workloads with a line of their own."""
_BETTER, _WORSE = "✅", "⚠️"


def changed(base: Path, head: Path, stack: str) -> list[str]:
    """A line for each difference between the declarations of two trees; none if the head's is not valid."""
    before, after = _examined(base, stack), _examined(head, stack)
    return differences(before, after) if after else []


def differences(before: Report | None, after: Report) -> list[str]:
    """Workloads that fit worse first; without `before`, all of them are new."""
    old = {row.name: row for row in before.rows} if before else {}
    lines = [line for row in after.rows for line in _of_row(old.get(row.name), row)]
    found = sorted(lines, key=lambda line: not line.startswith(_WORSE))
    more = [f"… and {len(found) - _MOST} more: `make plan STACK={after.stack}`"] if len(found) > _MOST else []
    return [*found[:_MOST], *more, *_first(before, after, found), *_fuller(before, after)]


def _examined(tree: Path, stack: str) -> Report | None:
    try:
        declared = load(tree / f"Pulumi.{stack}.yaml", values=False)
    except DeclarationError:
        return None
    return examine(stack, fleet(declared))


def _of_row(before: Row | None, after: Row) -> Iterator[str]:
    """Sizes that have changed alike share a line."""
    alike: dict[tuple[str, str, bool], list[str]] = {}
    for index, now in enumerate(after.verdicts):
        then = before.verdicts[index] if before else None
        if (was := then.outcome if then else "fits") != now.outcome:
            key = _said(then, now), f": {explained(now)}" if explained(now) else "", _rank(now.outcome) > _rank(was)
            alike.setdefault(key, []).append(now.size)
    for (said, why, worse), sizes in alike.items():
        which = f" ({' and '.join(sizes)})" if len(sizes) < len(after.verdicts) else ""
        yield f"{_WORSE if worse else _BETTER} **{after.name}**{which} {said}{why}"


def _said(before: Verdict | None, after: Verdict) -> str:
    return f"is new: {SAID[after.outcome]}" if before is None else f"{SAID[before.outcome]} => {SAID[after.outcome]}"


def _rank(outcome: str) -> int:
    return [*map(str, ORDER)].index(outcome)


def _first(before: Report | None, after: Report, said: Sequence[str]) -> Iterator[str]:
    """Without its reason, if that is `said` already."""
    now = after.first_limit
    if now != (before.first_limit if before else ""):
        name, _, why = now.partition(": ")
        shown = name if any(why in line for line in said) else now
        yield f"First to stop growing: {shown or 'nothing that is declared any more'}"


def _fuller(before: Report | None, after: Report) -> Iterator[str]:
    """Pools and quotas that are used otherwise at the largest size."""
    pools = _percentages(before.pools if before else ()), _percentages(after.pools)
    teams = _percentages(before.teams if before else ()), _percentages(after.teams)
    parts = [
        *(f"pool {name} {percent}" for name, percent in _compared(*pools)),
        *(f"quota of team {name} {percent}" for name, percent in _compared(*teams)),
    ]
    if before and parts:
        yield f"In use at the largest size: {', '.join(parts)}"


def _percentages(limits: Sequence[Limit]) -> dict[str, int]:
    return {each.name: each.fills[-1].percent for each in limits}


def _compared(before: dict[str, int], after: dict[str, int]) -> Iterator[tuple[str, str]]:
    for name, percent in after.items():
        if name not in before:
            yield name, f"(new) {percent} %"
        elif before[name] != percent:
            yield name, f"{before[name]} % => {percent} %"

"""The monthly cost in the comment: what it differs in first, then how much it is, by component and by team."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from infra.cost.amounts import SIZES

Cost = Mapping[str, Any]
"""As `cli.cost` writes it."""
Amounts = Mapping[str, str]

_NOTHING: Amounts = dict.fromkeys(SIZES, "0.00")
_AT = {"minimum": "without jobs", "usual": "usually", "maximum": "at the maximum"}
_USUAL_FIRST = ("usual", "minimum", "maximum")
_HEADER = ("| $ a month | without jobs | usually | at the maximum |", "|---|---:|---:|---:|")


def cost_lines(cost: Cost, before: Cost) -> Iterator[str]:
    """With a table of what differs; without another cost to compare with, the totals alone."""
    now, old = cost["monthly"], before.get("monthly")
    changed = [
        f"{_signed(now[size], old[size])} {_AT[size]}" for size in _USUAL_FIRST if old and now[size] != old[size]
    ]
    if changed:
        yield f"**Cost a month: {', '.join(changed)}** (list prices)"
    else:
        totals = [f"${_dollars(now[size])} {_AT[size]}" for size in _USUAL_FIRST]
        yield f"**${_dollars(now['usual'])} a month** usually, {', '.join(totals[1:])}; list prices"
    rows = list(_rows(cost, before)) if old else []
    if rows:
        yield from ["", *_HEADER, *rows]


def _rows(cost: Cost, before: Cost) -> Iterator[str]:
    """Of the components and the teams that differ, the largest difference first, and of the stack."""
    for section, prefix in (("components", ""), ("teams", "team ")):
        now, old = cost[section], before[section]
        both = [(name, now.get(name, _NOTHING), old.get(name, _NOTHING)) for name in {**old, **now}]
        changed = [(name, new, was) for name, new, was in both if new != was]
        for name, new, was in sorted(changed, key=lambda one: -_largest(*one[1:])):
            yield _row(f"{prefix}{name}", new, was)
    if cost["monthly"] != before["monthly"]:
        yield _row("**stack**", cost["monthly"], before["monthly"])


def _largest(now: Amounts, old: Amounts) -> Decimal:
    return max(abs(Decimal(now[size]) - Decimal(old[size])) for size in SIZES)


def _row(name: str, now: Amounts, old: Amounts) -> str:
    return f"| {name} | {' | '.join(_cell(now[size], old[size]) for size in SIZES)} |"


def _cell(now: str, old: str) -> str:
    """The difference, and what it is now."""
    return f"{_signed(now, old)} (now {_dollars(now)})" if now != old else _dollars(now)


def _signed(now: str, old: str) -> str:
    difference = Decimal(now) - Decimal(old)
    return f"{'+' if difference > 0 else '-'}${abs(difference):,.2f}"


def _dollars(amount: str) -> str:
    return f"{Decimal(amount):,.2f}"

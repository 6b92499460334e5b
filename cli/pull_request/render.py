"""The comment as Markdown: changes that endanger data first, then each stack, with details folded."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cli.pull_request.changes import Change, Difference, Kind

MARKER = "<!-- ml-platform preview -->"
"""Invisible; identifies the comment, so that it is updated in place."""

KINDS: tuple[Kind, ...] = ("created", "changed", "replaced", "deleted")
LONGEST_BODY = 60_000  # GitHub takes 65536 characters
LONGEST_VALUE = 120
_NOTHING = ("0.00", "0.00")
_SIGNS = {"created": "+", "changed": "~", "replaced": "±", "deleted": "-"}


@dataclass(frozen=True)
class Report:
    """The part of the comment about one stack."""

    stack: str
    changes: Sequence[Change] = ()
    problems: Sequence[Mapping[str, Any]] = ()
    failure: str = ""
    notice: str = ""
    cost: Mapping[str, Any] | None = None
    """Of the head, as `cli.cost` writes it; None where nothing is bought."""
    cost_before: Mapping[str, Any] | None = None
    traffic: Sequence[str] = ()
    """How requests are divided from now on."""
    fit: Sequence[str] = ()
    """What stops fitting on nodes and in quotas, or starts to."""


def render(reports: Sequence[Report]) -> str:
    """The whole comment; details are dropped if it is too long."""
    body = _body(reports, details=True)
    if len(body) > LONGEST_BODY:
        body = _body(reports, details=False)
    return body if len(body) <= LONGEST_BODY else body[:LONGEST_BODY].rpartition("\n")[0] + "\n\n… cut: too long\n"


def _body(reports: Sequence[Report], *, details: bool) -> str:
    sections = [line for report in reports for line in _stack(report, details=details)]
    if not reports:
        sections = ["This change affects no stack."]
    lines = [MARKER, "## Preview", "", *_endangered(reports), *sections, "", _FOOTNOTE, ""]
    return "\n".join(lines)


_FOOTNOTE = (
    "<sub>Created without credentials: the plan of this branch compared with the plan of its base. "
    "Values that are known only after an update are not compared.</sub>"
)


def _endangered(reports: Iterable[Report]) -> list[str]:
    found = [(report.stack, change) for report in reports for change in report.changes if change.endangers_data]
    if not found:
        return []
    lines = [f"> - stack **{stack}**: {_said(change)} {_resource(change)}" for stack, change in found]
    return ["> [!CAUTION]", "> **Data is at stake.**", ">", *lines, ""]


def _said(change: Change) -> str:
    return change.kind if change.kind in ("replaced", "deleted") else "no longer protected:"


def _stack(report: Report, *, details: bool) -> Iterator[str]:
    yield f"### Stack `{report.stack}`: {'the preview failed' if report.failure else _counts(report.changes)}"
    yield ""
    if report.notice:
        yield from [report.notice, ""]
    if report.traffic:
        yield from [*(f"**{text}**" for text in report.traffic), ""]
    if report.fit:
        yield from [*(f"- {text}" for text in report.fit), ""]
    if report.cost:
        yield from [*_cost(report.cost, report.cost_before or {}), ""]
    for problem in report.problems:
        yield from [*_problem(problem), ""]
    if report.failure and not report.problems:
        yield from [*_fenced(report.failure.splitlines(), ""), ""]
    for kind in sorted(KINDS, key=lambda kind: kind not in ("replaced", "deleted")):
        of_kind = sorted((one for one in report.changes if one.kind == kind), key=lambda one: not one.carries_data)
        if of_kind:
            yield from _folded(kind, of_kind, details=details)


def _cost(cost: Mapping[str, Any], before: Mapping[str, Any]) -> Iterator[str]:
    """The monthly cost, and what it is more or less than the base's, by component."""
    least = f"**${Decimal(cost['least']):,.2f} a month** without jobs{_more(cost['least'], before.get('least'))}"
    yield f"{least}, ${Decimal(cost['most']):,.2f} at most{_more(cost['most'], before.get('most'))}; list prices"
    old, new = before.get("components", {}), cost["components"]
    changed = [name for name in {**old, **new} if old.get(name) != new.get(name)] if before else []
    for name in changed:
        (least, most), (new_least, new_most) = old.get(name, _NOTHING), new.get(name, _NOTHING)
        yield f"- {name}: ${new_least}{_more(new_least, least)}, ${new_most} at most{_more(new_most, most)}"


def _more(now: str, before: str | None) -> str:
    difference = Decimal(now) - Decimal(before) if before is not None else Decimal()
    return f" ({'+' if difference > 0 else '-'}${abs(difference):,.2f})" if difference else ""


def _counts(changes: Sequence[Change]) -> str:
    counted = Counter(change.kind for change in changes)
    return ", ".join(f"{counted[kind]} {kind}" for kind in KINDS if counted[kind]) or "no changes"


def _problem(problem: Mapping[str, Any]) -> list[str]:
    sign = "❌" if problem["mandatory"] else "⚠️"
    rule = f"policy `{problem['policy']}`" if problem["policy"] else "error"
    where = f" on `{problem['urn'].split('::', 2)[2]}`" if "::" in problem["urn"] else ""
    return [f"{sign} {rule}{where}", "", *_fenced(str(problem["message"]).splitlines(), "")]


def _folded(kind: Kind, changes: Sequence[Change], *, details: bool) -> Iterator[str]:
    opened = " open" if kind in ("replaced", "deleted") else ""
    yield f"<details{opened}><summary>{len(changes)} {kind}</summary>"
    yield ""
    lines = [line for change in changes for line in _change(change, details=details)]
    yield from _fenced(lines, "diff")
    yield from ["", "</details>", ""]


def _change(change: Change, *, details: bool) -> Iterator[str]:
    yield f"{_SIGNS[change.kind]} {change.type} {change.name}{'  (carries data)' if change.carries_data else ''}"
    if details:
        yield from (f"    {_difference(difference)}" for difference in change.differences)


def _difference(difference: Difference) -> str:
    return f"{difference.path}: {_value(difference.before)} => {_value(difference.after)}"


def _value(value: object) -> str:
    text = "(absent)" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}… ({len(text)} characters)"


def _resource(change: Change) -> str:
    return f"`{change.type}` **{change.name}**"


def _fenced(lines: Sequence[str], language: str) -> list[str]:
    """A code block whose fence is longer than any fence in its content."""
    fence = "```"
    while any(fence in line for line in lines):
        fence += "`"
    return [f"{fence}{language}", *lines, fence]

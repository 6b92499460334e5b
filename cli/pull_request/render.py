"""The comment as Markdown: what needs attention first, then each stack, with details folded."""

from collections import Counter
from collections.abc import Iterator, Sequence

from cli.pull_request import values
from cli.pull_request.attention import attention
from cli.pull_request.changes import Change, Kind
from cli.pull_request.cost import cost_lines
from cli.pull_request.problems import fenced, written
from cli.pull_request.report import Report

MARKER = "<!-- ml-platform preview -->"
"""Invisible; identifies the comment, so that it is updated in place."""

KINDS: tuple[Kind, ...] = ("created", "changed", "replaced", "deleted")
LONGEST_BODY = 60_000  # GitHub takes 65536 characters
MOST_COMPONENTS = 8
_SIGNS = {"created": "+", "changed": "~", "replaced": "±", "deleted": "-"}
_FOOTNOTE = (
    "<sub>Created without credentials: the plan of this branch compared with the plan of its base. "
    "Values that are known only after an update are not compared.</sub>"
)


def render(reports: Sequence[Report]) -> str:
    """The whole comment; details are dropped if it is too long."""
    body = _body(reports, details=True)
    if len(body) > LONGEST_BODY:
        body = _body(reports, details=False)
    return body if len(body) <= LONGEST_BODY else body[:LONGEST_BODY].rpartition("\n")[0] + "\n\n… cut: too long\n"


def _body(reports: Sequence[Report], *, details: bool) -> str:
    sections = [line for report in reports for line in _stack(report, details=details)]
    if not reports:
        sections = ["This change affects no stack.", ""]
    return "\n".join([MARKER, "## Preview", "", *attention(reports), *sections, _FOOTNOTE, ""])


def _stack(report: Report, *, details: bool) -> Iterator[str]:
    yield f"### Stack `{report.stack}`: {'the preview failed' if report.failure else _counts(report.changes)}"
    yield ""
    if report.notice:
        yield from [report.notice, ""]
    if report.endpoints:
        yield from [*(f"- **{text}**" for text in report.endpoints), ""]
    if report.changes:
        yield from [_components(report.changes), ""]
    if report.fit:
        yield from [*(f"- {text}" for text in report.fit), ""]
    if report.cost:
        yield from [*cost_lines(report.cost, report.cost_before or {}), ""]
    yield from written(report.problems)
    if report.failure and not report.problems:
        yield from [*fenced(report.failure.splitlines(), ""), ""]
    for kind in sorted(KINDS, key=lambda kind: kind not in ("replaced", "deleted")):
        of_kind = sorted((one for one in report.changes if one.kind == kind), key=lambda one: not one.data)
        if of_kind:
            yield from _folded(kind, of_kind, details=details)


def _components(changes: Sequence[Change]) -> str:
    """Where it changes, the most first."""
    found: dict[str, list[Change]] = {}
    for change in changes:
        found.setdefault(change.component, []).append(change)
    parts = sorted(found.items(), key=lambda part: -len(part[1]))
    shown = "; ".join(f"{name}: {_counts(inside)}" for name, inside in parts[:MOST_COMPONENTS])
    return f"{shown}{f'; and {len(parts) - MOST_COMPONENTS} more' if len(parts) > MOST_COMPONENTS else ''}"


def _counts(changes: Sequence[Change]) -> str:
    counted = Counter(change.kind for change in changes)
    return ", ".join(f"{counted[kind]} {kind}" for kind in KINDS if counted[kind]) or "no changes"


def _folded(kind: Kind, changes: Sequence[Change], *, details: bool) -> Iterator[str]:
    opened = " open" if kind in ("replaced", "deleted") else ""
    yield f"<details{opened}><summary>{len(changes)} {kind}</summary>"
    yield ""
    yield from fenced(list(_listed(changes, details=details)), "diff")
    yield from ["", "</details>", ""]


def _listed(changes: Sequence[Change], *, details: bool) -> Iterator[str]:
    """A line for each resource; those that differ in the same way follow each other, and the difference stands once."""
    alike: dict[tuple[str, ...], list[Change]] = {}
    for change in changes:
        said = [line for each in change.differences for line in values.lines(each)] if details else []
        alike.setdefault((change.type, *said) if said else (change.type, change.name), []).append(change)
    for (_, *said), resources in alike.items():
        yield from (f"{_SIGNS[one.kind]} {one.type} {one.name}{_carried(one)}" for one in resources)
        if resources[0].differences and details:
            yield from (f"    {line}" for line in said)


def _carried(change: Change) -> str:
    return "  (carries data)" if change.data else ""

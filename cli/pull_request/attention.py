"""The top of the comment, whatever the stack: what can't be deployed, which data is at stake, what is replaced."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from cli.pull_request.changes import Change
from cli.pull_request.report import Report

MOST = 5
"""Lines of each kind."""
_LONGEST = 200
_WHY, _TRACEBACK = "why ", "Traceback (most recent call last)"
_FOLLOWS = "What refers to them may be replaced as well; a comparison without credentials can't show that."


def attention(reports: Sequence[Report]) -> Iterator[str]:
    """Blocks that GitHub colours; none for a harmless change."""
    yield from _block("CAUTION", "This can't be deployed.", _of(reports, _failures))
    yield from _block("CAUTION", "Data is at stake.", _of(reports, _data))
    replaced = _of(reports, _replaced)
    yield from _block("WARNING", "Resources are replaced.", replaced, _FOLLOWS)


def _of(reports: Sequence[Report], find: Callable[[Report], Iterable[str]]) -> list[str]:
    return [f"stack **{report.stack}**: {line}" for report in reports for line in find(report)]


def _block(level: str, title: str, found: Sequence[str], after: str = "") -> Iterator[str]:
    if not found:
        return
    yield from [f"> [!{level}]", f"> **{title}**{f' {after}' if after else ''}", ">"]
    yield from (f"> - {line}" for line in found[:MOST])
    if len(found) > MOST:
        yield f"> - and {len(found) - MOST} more"
    yield ""


def _failures(report: Report) -> Iterator[str]:
    if not report.failure:
        return
    stopping = [problem for problem in report.problems if problem["mandatory"]]
    violated: dict[str, list[str]] = {}
    for problem in stopping:
        violated.setdefault(problem["policy"], []).append(str(problem["message"]))
    errors = violated.pop("", []) if stopping else [report.failure]
    yield from (f"policy `{policy}` is violated by {_violations(messages)}" for policy, messages in violated.items())
    yield from (_code(_reason(error)) for error in errors)


def _violations(messages: Sequence[str]) -> str:
    """Of one resource what is wrong with it; of several what the policy is for."""
    lines = messages[0].strip().splitlines() or [""]
    return (
        f"one resource: {_code(lines[-1])}" if len(messages) == 1 else f"{len(messages)} resources: {_code(lines[0])}"
    )


def _reason(failure: str) -> str:
    """The line that says why, of an error of our own; the exception of a traceback; the first line of anything else."""
    lines = [line.strip() for line in failure.strip().splitlines()] or [""]
    if _TRACEBACK in failure:
        return lines[-1]
    return next((line.removeprefix(_WHY).strip() for line in lines if line.startswith(_WHY)), lines[0])


def _code(text: str) -> str:
    """Somebody else's text, in which nothing is a link, an image or a mention."""
    return f"`{text[:_LONGEST].replace('`', chr(39))}{'…' if len(text) > _LONGEST else ''}`"


def _data(report: Report) -> Iterator[str]:
    for change in sorted(report.changes, key=lambda change: change.kind != "deleted"):
        if change.endangers_data:
            yield f"{change.data} **{change.name}** is {_fate(change)} (`{change.type}`)"


def _fate(change: Change) -> str:
    if change.kind not in ("replaced", "deleted"):
        return "no longer protected"
    return f"{change.kind}, but protected: the update will refuse it" if change.protected else change.kind


def _replaced(report: Report) -> Iterator[str]:
    """By type; those that store data are listed already."""
    found: dict[str, list[str]] = {}
    for change in report.changes:
        if change.kind == "replaced" and not change.data:
            found.setdefault(change.type, []).append(change.name)
    for type_, names in sorted(found.items(), key=lambda one: len(one[1])):
        yield f"`{type_}` **{names[0]}**" if len(names) == 1 else f"{len(names)} of `{type_}`"

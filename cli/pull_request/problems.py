"""Errors and violated policies as Markdown: each policy once, with the resources that violate it."""

from collections.abc import Iterator, Sequence

from cli.pull_request.report import Problem

MOST = 30
"""Resources of one policy."""


def written(problems: Sequence[Problem]) -> Iterator[str]:
    """What stops the update first."""
    alike: dict[tuple[bool, str, str], list[Problem]] = {}
    for number, problem in enumerate(problems):
        mandatory, policy = bool(problem["mandatory"]), str(problem["policy"])
        alike.setdefault((not mandatory, policy, "" if policy else str(number)), []).append(problem)
    for (advisory, policy, _), found in sorted(alike.items(), key=lambda one: one[0][0]):
        sign, rule = "⚠️" if advisory else "❌", f"policy `{policy}`" if policy else "error"
        if len(found) == 1:
            yield from [f"{sign} {rule}{_on(found[0])}", "", *fenced(_lines(found[0]), ""), ""]
        else:
            yield from [f"{sign} {rule} on {len(found)} resources", "", *fenced(list(_together(found)), ""), ""]


def _on(problem: Problem) -> str:
    return f" on `{_resource(problem)}`" if "::" in problem["urn"] else ""


def _together(found: Sequence[Problem]) -> Iterator[str]:
    """The line that all begin with, then what is said of each resource."""
    first = {_lines(problem)[0] for problem in found}
    shared = len(first) == 1
    if shared:
        yield first.pop()
    for problem in sorted(found, key=lambda problem: str(problem["urn"]))[:MOST]:
        yield f"- {_resource(problem)}"
        yield from (f"    {line}" for line in _lines(problem)[1 if shared else 0 :])
    if len(found) > MOST:
        yield f"… and {len(found) - MOST} more"


def _resource(problem: Problem) -> str:
    """Its type, without those of its parents, and its name."""
    parts = str(problem["urn"]).split("::", 2)
    return parts[2].rpartition("$")[2] if len(parts) > 2 else str(problem["urn"])


def _lines(problem: Problem) -> list[str]:
    return str(problem["message"]).splitlines() or [""]


def fenced(lines: Sequence[str], language: str) -> list[str]:
    """A code block whose fence is longer than any fence in its content."""
    fence = "```"
    while any(fence in line for line in lines):
        fence += "`"
    return [f"{fence}{language}", *lines, fence]

"""The comment: for every affected stack, its plan on the base compared with its plan on the head."""

import tempfile
from dataclasses import replace
from pathlib import Path

from cli.preflight import name_of
from cli.pull_request import checkout, fit, traffic
from cli.pull_request.changes import EMPTY, compare
from cli.pull_request.checkout import Planned
from cli.pull_request.render import Report, render
from cli.pull_request.touched import touched_stacks
from common import paths
from common.console import Progress


def write(base: str) -> tuple[str, list[str]]:
    """The comment, and the stacks that can't be previewed."""
    repository = paths.REPOSITORY
    commit = checkout.merge_base(repository, base)
    stacks = touched_stacks(checkout.changed_files(repository, commit), declared_stacks(repository))
    with tempfile.TemporaryDirectory(prefix="ml-platform-base-") as folder:
        reports = _reports(repository, commit, stacks, Path(folder)) if stacks else []
    return render(reports), [report.stack for report in reports if report.failure]


def declared_stacks(repository: Path) -> list[str]:
    """The names of the stacks, which may contain dots."""
    return [name_of(file) for file in sorted(repository.glob("Pulumi.*.yaml"))]


def _reports(repository: Path, commit: str, stacks: list[str], folder: Path) -> list[Report]:
    progress, tree = Progress(), folder / "tree"
    tree.mkdir()
    with progress.step(f"base {commit[:12]}"):
        checkout.lay_out(repository, commit, tree)
    reports = []
    for stack in stacks:
        with progress.step(f"plans of stack {stack}") as step:
            step.say("base")
            # A separate state folder: plugins of one tree must not serve the other.
            before = checkout.plan_of(tree, stack, {"XDG_STATE_HOME": str(folder / "state")})
            step.say("head")
            found = report(stack, before, checkout.plan_of(repository, stack))
            reports.append(replace(found, fit=fit.changed(tree, repository, stack)))
    return reports


def report(stack: str, before: Planned, after: Planned) -> Report:
    """One stack's report. An incomplete plan is not compared: it would show false deletions."""
    problems = after.plan["problems"]
    if after.failure:
        return Report(stack, (), problems, failure=after.failure)
    notice = ""
    if before.failure:
        notice = "The base branch can't be previewed, so everything shows as created."
    base = EMPTY if before.failure else before.plan
    costs = after.plan.get("cost"), base.get("cost")
    return Report(
        stack,
        compare(base, after.plan),
        problems,
        notice=notice,
        cost=costs[0],
        cost_before=costs[1],
        traffic=traffic.changed(base, after.plan),
    )

"""The comment: for every affected stack, its plan on the base compared with its plan on the head."""

import tempfile
from dataclasses import replace
from pathlib import Path

from cli.preflight import name_of
from cli.pull_request import base, checkout, endpoints, fit
from cli.pull_request.changes import EMPTY, compare
from cli.pull_request.checkout import Planned
from cli.pull_request.render import render
from cli.pull_request.report import Report
from cli.pull_request.touched import touched_stacks
from common import paths
from common.console import Progress

BUDGETS = "budgets"
"""The policy by the cost of the whole stack, which the engine applies once the program has ended."""


def write(target: str) -> tuple[str, list[str]]:
    """The comment, and the stacks that can't be previewed."""
    repository = paths.REPOSITORY
    commit = checkout.merge_base(repository, target)
    stacks = touched_stacks(checkout.changed_files(repository, commit), declared_stacks(repository))
    reports = _reports(repository, commit, stacks)
    return render(reports), [report.stack for report in reports if report.failure]


def declared_stacks(repository: Path) -> list[str]:
    """The names of the stacks, which may contain dots."""
    return [name_of(file) for file in sorted(repository.glob("Pulumi.*.yaml"))]


def _reports(repository: Path, commit: str, stacks: list[str]) -> list[Report]:
    progress = Progress()
    before = base.plans(repository, commit, stacks, progress)
    reports = []
    with tempfile.TemporaryDirectory(prefix="ml-platform-base-") as folder:
        tree = Path(folder) / "tree"
        checkout.write_files(repository, commit, tree)
        for stack in stacks:
            with progress.step(f"plan of stack {stack}"):
                found = report(stack, before[stack], checkout.plan_of(repository, stack))
            reports.append(replace(found, fit=fit.changed(tree, repository, stack)))
    return reports


def report(stack: str, before: Planned, after: Planned) -> Report:
    """One stack's report. An incomplete plan is not compared: it would show false deletions."""
    problems = after.plan["problems"]
    compared = EMPTY if before.failure else before.plan
    costs = after.plan.get("cost"), compared.get("cost")
    if after.failure:
        complete = any(problem["policy"] == BUDGETS for problem in problems)
        known = costs if complete else (None, None)
        return Report(stack, (), problems, failure=after.failure, cost=known[0], cost_before=known[1])
    notice = ""
    if before.failure:
        notice = "The base branch can't be previewed, so everything shows as created."
    return Report(
        stack,
        compare(compared, after.plan),
        problems,
        notice=notice,
        cost=costs[0],
        cost_before=costs[1],
        endpoints=endpoints.changed(compared, after.plan),
    )

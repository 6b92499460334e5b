"""`make plan` by the real scheduler and Kueue: cases computed by hand, and that the quick form agrees with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.capacity import verdict
from cli.capacity.fleet import Fleet, fleet
from cli.capacity.report import Report, Verdict
from cli.capacity.scenario import Scenario, broken_rules
from cli.capacity.simulation import examine as simulation
from infra.declaration.loader import declare
from tests.engine.plan.cases import CASES, Case
from tests.unit.declaration.samples import WHERE


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_the_verdict_is_right(root: Path, case: Case) -> None:
    found = _fleet(case, root)
    full, quick = simulation.examine("dev", found, "", print), verdict.examine("dev", found)
    said = {name: _said(full, name) for name in case.said}
    assert said == case.said
    assert {name: list(_of(full, name).preempts) for name in case.stops} == case.stops
    for name in case.said:
        assert _of(quick, name).outcome in (_of(full, name).outcome, "unknown"), name
        if _of(quick, name).outcome != "unknown":
            assert _said(quick, name)[:2] == _said(full, name)[:2]


def _fleet(case: Case, root: Path) -> Fleet:
    platform, scenario = declare(case.declaration(), WHERE, root), Scenario.model_validate(case.scenario)
    assert not list(broken_rules(scenario, platform))
    return fleet(platform, scenario)


def _of(report: Report, name: str) -> Verdict:
    workload, _, size = name.partition(" ")
    (row,) = [each for each in report.rows if each.name == workload]
    return next(each for each in row.verdicts if each.size == (size or "usual"))


def _said(report: Report, name: str) -> tuple[str, int, str]:
    found = _of(report, name)
    return found.outcome, found.fitting, found.reason

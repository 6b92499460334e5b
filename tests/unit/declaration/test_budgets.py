"""Budgets: a plan beyond one is refused with the path and the amount, and one that limits nothing is a mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pulumi_policy import PolicyResource

from policies import budgets
from policies.declared import _platform
from tests.unit.cli.costs import small_stack, steps
from tests.unit.components.recorder import platform
from tests.unit.declaration.samples import WHERE, in_cluster, refusal, refused

NO_PRICES = "only the aws foundation has known prices; remove it"
NOTHING = "limits nothing; write 'monthly', 'monthlyMaximum' or both, or remove it"
ADVICE = "declare fewer or cheaper nodes or pods"

MISTAKES = [
    ("budget", {"monthly": 5000}, f"platform.budget: {NO_PRICES}"),
    ("teams.vision.budget", {"monthlyMaximum": 5000}, f"platform.teams.vision.budget: {NO_PRICES}"),
    ("budget", {}, f"platform.budget: {NOTHING}"),
    ("budget", {"monthly": -1}, "platform.budget.monthly: -1 is out of range; write at least 0.0"),
    ("budget", {"monthly": "5000 EUR"}, "platform.budget.monthly: expected a number, got '5000 EUR'"),
    ("budget", {"yearly": 1}, "platform.budget: unknown setting 'yearly'; known: monthly, monthlyMaximum"),
    ("teams.vision.budget", 5000, "platform.teams.vision.budget: expected a mapping of settings, got 5000"),
]


@pytest.mark.parametrize(("path", "value", "line"), MISTAKES, ids=[line for _, _, line in MISTAKES])
def test_a_mistake_is_one_line(root: Path, path: str, value: object, line: str) -> None:
    assert refused(root, **{path: value}) == [f"{WHERE}: {line}"]


def test_an_existing_cluster_has_no_prices_either(root: Path) -> None:
    assert f"{WHERE}: platform.budget: {NO_PRICES}" in refusal(root, in_cluster(budget={"monthly": 1}))


def violations(folder: Path, monkeypatch: pytest.MonkeyPatch, declaration: dict[str, Any]) -> list[str]:
    """What the policy says of a stack, of the resources that the program registers."""
    (folder / "Pulumi.test.yaml").write_text(yaml.safe_dump({"config": {"ml-platform:platform": declaration}}))
    registered = [
        PolicyResource(step["type"], step["inputs"], step["urn"], "", None, None, None, [], {})  # type: ignore[arg-type] # not read
        for step in steps(platform(declaration))
    ]
    stack = "pulumi:pulumi:Stack"
    urn = f"urn:pulumi:test::ml-platform::{stack}::ml-platform-test"
    of_stack = PolicyResource(stack, {}, urn, "ml-platform-test", None, None, None, [], {})  # type: ignore[arg-type] # not read
    monkeypatch.chdir(folder)
    _platform.cache_clear()
    (rule,) = budgets.RULES
    found = list(rule.check([of_stack, *registered]))
    assert {resource.urn for resource, _ in found} <= {urn}
    return [finding for _, finding in found]


def beyond(**settings: object) -> dict[str, Any]:
    """A stack that costs $573.91 a month without jobs and usually, and $1,428.81 at the maximum, as computed by hand in
    the tests of the cost."""
    return small_stack(**settings)


def test_a_stack_beyond_its_budget_is_refused_with_the_path_and_the_amount(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = beyond(budget={"monthly": 573.90, "monthlyMaximum": 1400})
    assert violations(tmp_path, monkeypatch, declared) == [
        f"budget.monthly: the stack usually costs $573.91 a month, $0.01 more than $573.90; {ADVICE}",
        f"budget.monthlyMaximum: the stack may cost $1,428.81 a month, $28.81 more than $1,400.00; {ADVICE}",
    ]


def test_within_its_budget_it_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    declared = beyond(budget={"monthly": 573.91, "monthlyMaximum": 1428.81})
    assert violations(tmp_path, monkeypatch, declared) == []


def test_a_team_has_a_budget_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of its pods have a node for themselves each: a pool of m7i.2xlarge in eu-central-1.

    usually 2 x (730 x 0.483 x 1.12 + 9.52) = 808.8416, at most 4 nodes: 1,617.6832
    """
    pool = {"instance": {"cpu": 7, "memory": "28Gi"}, "max": 4, "aws": {"instanceTypes": ["m7i.2xlarge"]}}
    stack = {"nodePools": {"plain": pool}, "serving.digits.pool": "plain", "training.digits.pool": "plain"}
    declared = beyond(**stack, **{"teams.vision.budget": {"monthly": 800, "monthlyMaximum": 2000}})
    assert violations(tmp_path, monkeypatch, declared) == [
        f"teams.vision.budget.monthly: team 'vision' usually costs $808.84 a month, $8.84 more than $800.00; {ADVICE}"
    ]

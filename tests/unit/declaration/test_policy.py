"""Exceptions from policies, and how large a stack may become."""
# ruff: noqa: E501 - a message is one line

from __future__ import annotations

from pathlib import Path

import pytest

from infra.catalogue.aws.instance_types import instance_types
from infra.catalogue.aws.prices import prices
from infra.catalogue.pod_rules import POD_RULES, PodRule
from infra.declaration.aws.cost import highest_cost, without_price
from infra.declaration.loader import declare
from infra.declaration.pools import most_gpus
from tests.unit.declaration.samples import WHERE, accepted, on_aws, refused

REASON = "reads the scanner's device, allowed by the platform team"
NO_REASON = "an exception needs a reason; write in three words or more what needs it and who approved it"
PATHS = "policy.exceptions.no-host-paths"

MISTAKES = [
    (PATHS, {"vision": ""}, f"platform.{PATHS}.vision: {NO_REASON}"),
    (PATHS, {"vision": None}, f"platform.{PATHS}.vision: {NO_REASON}"),
    (PATHS, {"vision": "needed"}, f"platform.{PATHS}.vision: {NO_REASON}"),
    (PATHS, {"vision": ". . ."}, f"platform.{PATHS}.vision: {NO_REASON}"),
    (PATHS, {"vision": "scanner - -"}, f"platform.{PATHS}.vision: {NO_REASON}"),
    (PATHS, {"vison": REASON}, f"platform.{PATHS}.vison: 'vison' is not a namespace of this stack; did you mean 'vision'?"),
    (PATHS, {"kube-system": REASON}, f"platform.{PATHS}.kube-system: 'kube-system' is not a namespace of this stack; known: ml-platform, speech, vision"),
    (PATHS, ["vision"], f"platform.{PATHS}: expected a mapping of settings, got a list"),
    ("policy.exceptions", {"no-host-path": {"vision": REASON}}, "platform.policy.exceptions.no-host-path: 'no-host-path' is not a pod rule; did you mean 'no-host-paths'?"),
    ("policy.exception", {}, "platform.policy: unknown setting 'exception'; did you mean 'exceptions'?"),
    ("limits.gpus", -1, "platform.limits.gpus: -1 is out of range; write at least 0"),
    ("limits.gpu", 1, "platform.limits: unknown setting 'gpu'; did you mean 'gpus'?"),
    ("limits.hourlyCost", "200 EUR", "platform.limits.hourlyCost: expected a number, got '200 EUR'"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "line"), MISTAKES, ids=[line for _, _, line in MISTAKES])
def test_a_mistake_costs_one_line(root: Path, path: str, value: object, line: str) -> None:
    assert refused(root, **{path: value}) == [f"{WHERE}: {line}"]


def test_an_exception_with_a_reason_is_declared(root: Path) -> None:
    declared = accepted(root, **{"policy.exceptions": {"no-host-paths": {"vision": REASON, "ml-platform": REASON}}})
    assert declared.policy.exceptions == {"no-host-paths": {"vision": REASON, "ml-platform": REASON}}


@pytest.mark.parametrize("rule", POD_RULES, ids=lambda rule: rule.name)
def test_every_rule_about_pods_can_have_exceptions(root: Path, rule: PodRule) -> None:

    assert list(accepted(root, **{"policy.exceptions": {rule.name: {"vision": REASON}}}).policy.exceptions) == [
        rule.name
    ]


def test_a_stack_has_ceilings_without_declaring_any(root: Path) -> None:
    limits = accepted(root).limits
    assert (limits.gpus, limits.hourly_cost) == (32, 200)


def test_pools_are_counted_as_large_as_they_may_become(root: Path) -> None:
    pools = declare(on_aws(), WHERE, root).node_pools
    assert most_gpus(pools) == 4 * 1 + 2 * 8
    assert highest_cost(pools) == pytest.approx(4 * 0.4032 + 4 * 1.212 + 2 * 55.04)
    assert without_price(pools) == []


def test_of_several_types_the_dearest_is_counted_and_one_without_a_price_is_named(root: Path) -> None:
    pools = declare(
        on_aws(**{"nodePools.plain.aws.instanceTypes": ["m7i.2xlarge", "m7i.4xlarge", "m5zn.3xlarge"]}), WHERE, root
    ).node_pools
    assert highest_cost({"plain": pools["plain"]}) == pytest.approx(4 * 0.8064)
    assert without_price(pools) == ["m5zn.3xlarge"]


def test_every_price_is_of_a_machine_that_there_is() -> None:
    assert prices().keys() <= instance_types().keys()
    assert min(prices().values()) > 0

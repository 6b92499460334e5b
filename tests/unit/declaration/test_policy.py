"""Exceptions from policies, and how large a stack may become."""
# ruff: noqa: E501 - a message is one line

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from pulumi_policy import ResourceValidationArgs

from infra.catalogue.pod_rules import POD_RULES, PodRule
from infra.declaration.aws.cost import highest_cost
from infra.declaration.loader import declare
from infra.declaration.pools import most_gpus
from policies import ceilings
from policies.declared import _platform
from tests.unit.declaration.samples import WHERE, accepted, on_aws, refusal, refused

FEE = Decimal("1.12")
UNPRICED = "hpc7a.12xlarge"
"""A type that the catalogue describes, and that has no price in it."""

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


PRICES = {"plain": Decimal("0.483") * FEE, "a10g": Decimal("1.5156") * FEE, "system": Decimal("0.2415") * FEE}
"""Of one node in eu-central-1, with EKS Auto Mode's fee."""
CEILING = 4 * PRICES["plain"] + 4 * PRICES["a10g"] + 6 * PRICES["system"] + 2 * Decimal("55.04") * FEE
GPUS = 4 * 1 + 2 * 8


def test_pools_are_counted_as_large_as_they_may_become_with_the_system_pool(root: Path) -> None:
    declared = declare(on_aws(), WHERE, root)
    assert declared.foundation.aws is not None
    assert most_gpus(declared.node_pools) == GPUS
    assert highest_cost(declared.node_pools, declared.foundation.aws) == CEILING


def test_of_several_types_the_most_expensive_one_is_counted(root: Path) -> None:
    types = {"nodePools.plain.aws.instanceTypes": ["m7i.2xlarge", "m7i.4xlarge", "m6i.2xlarge"]}
    declared = declare(on_aws(**types), WHERE, root)
    assert declared.foundation.aws is not None
    assert highest_cost({}, declared.foundation.aws) == 6 * PRICES["system"]
    plain = {"plain": declared.node_pools["plain"]}
    assert highest_cost(plain, declared.foundation.aws) == 6 * PRICES["system"] + 4 * 2 * PRICES["plain"]


BEYOND: list[tuple[dict[str, object], str]] = [
    ({"limits.gpus": GPUS - 1}, "platform.limits.gpus: the node pools may have 20 GPUs, more than 19; declare fewer nodes, or raise the limit"),
    ({"nodePools.a10g.max": 17}, "platform.limits.gpus: the node pools may have 33 GPUs, more than 32; declare fewer nodes, or raise the limit"),
    ({"limits.hourlyCost": 120}, "platform.limits.hourlyCost: the node pools and the system pool may cost $133.87 an hour, more than $120.00; declare fewer or cheaper nodes, or raise the limit"),
    ({"nodePools.plain.max": 500}, "platform.limits.hourlyCost: the node pools and the system pool may cost $402.18 an hour, more than $200.00; declare fewer or cheaper nodes, or raise the limit"),
    ({"foundation.aws.systemPool": {"max": 600}}, "platform.limits.hourlyCost: the node pools and the system pool may cost $294.53 an hour, more than $200.00; declare fewer or cheaper nodes, or raise the limit"),
]  # fmt: skip
"""Each ceiling is exceeded by each of the settings that count towards it."""


@pytest.mark.parametrize(("changes", "line"), BEYOND, ids=[" ".join(changes) for changes, _ in BEYOND])
def test_check_and_the_policy_pack_refuse_the_same(
    root: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], line: str
) -> None:
    assert refusal(root, on_aws(**changes)) == [f"{WHERE}: {line}"]
    assert [f"platform.{violation}" for violation in violations(root, monkeypatch, on_aws(**changes))] == [line]


def test_at_its_ceilings_a_stack_is_valid(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = on_aws(**{"limits": {"gpus": GPUS, "hourlyCost": float(CEILING)}})
    assert declare(limits, WHERE, root).limits.gpus == GPUS
    assert violations(root, monkeypatch, limits) == []


def test_gpus_are_limited_on_every_foundation(root: Path) -> None:
    line = "platform.limits.gpus: the node pools may have 2 GPUs, more than 1; declare fewer nodes, or raise the limit"
    assert refused(root, **{"limits.gpus": 1}) == [f"{WHERE}: {line}"]


def test_a_machine_without_a_price_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = on_aws(**{"nodePools.plain.aws.instanceTypes": ["m7i.2xlarge", UNPRICED]})
    hint = "write another instance type, or add its price"
    line = f"limits.hourlyCost: the price of {UNPRICED} is unknown (infra/catalogue/aws/prices.json); {hint}"
    assert refusal(root, unknown) == [f"{WHERE}: platform.{line}"]
    assert violations(root, monkeypatch, unknown) == [line]


def violations(root: Path, monkeypatch: pytest.MonkeyPatch, declaration: dict[str, Any]) -> list[str]:
    """What the ceilings of the policy pack say of a stack, each without its advice."""
    (root / "Pulumi.ceilings.yaml").write_text(yaml.safe_dump({"config": {"ml-platform:platform": declaration}}))
    monkeypatch.chdir(root)
    _platform.cache_clear()
    stack = "pulumi:pulumi:Stack"
    urn = f"urn:pulumi:ceilings::ml-platform::{stack}::ml-platform-ceilings"
    args = ResourceValidationArgs(stack, {}, urn, "ml-platform-ceilings", None, None, None)  # type: ignore[arg-type] # not read
    return [finding for rule in ceilings.RULES for finding in rule.check(args)]

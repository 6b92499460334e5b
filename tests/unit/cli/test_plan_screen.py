"""How a plan reads: cost, components, changes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from cli import plan_screen
from cli.components import component, purpose
from infra.cost import Cost, Item
from infra.cost.amounts import Amounts, always

FOUNDATION = "ml-platform:foundation:Aws$ml-platform:foundation"


def step(operation: str, types: str, name: str) -> dict[str, Any]:
    urn = f"urn:pulumi:prod::ml-platform::{types}::{name}"
    return {"operation": operation, "urn": urn, "type": types.rpartition("$")[2], "custom": True, "inputs": {}}


STEPS = [
    step("update", f"{FOUNDATION}:AwsDatabase$aws:rds/instance:Instance", "tracking"),
    step("create", f"{FOUNDATION}:AwsKeys$aws:kms/key:Key", "one"),
    step("create", f"{FOUNDATION}:AwsKeys$aws:kms/key:Key", "two"),
    step("same", f"{FOUNDATION}:AwsKeys$aws:kms/alias:Alias", "one"),
    step("replace", f"{FOUNDATION}:AwsElasticPool$kubernetes:karpenter.sh/v1:NodePool", "a10g"),
    step("delete", "ml-platform:index:Serving$kubernetes:apps/v1:Deployment", "digits"),
    step("same", "ml-platform:index:Tracking$ml-platform:foundation:AwsPodRole$aws:iam/role:Role", "tracking"),
    {**step("update", "ml-platform:index:Serving", "digits"), "custom": False},
]
PLAN = {"steps": STEPS, "problems": []}


def shown(capsys: pytest.CaptureFixture[str], plan: dict[str, Any], cost: Cost | None = None) -> list[str]:
    plan_screen.show("prod", plan, cost)
    return [line.rstrip() for line in capsys.readouterr().out.splitlines() if line.strip()]


@pytest.mark.parametrize(
    ("number", "name"),
    [(0, "database"), (1, "keys"), (4, "pool a10g"), (5, "serving"), (6, "tracking")],
)
def test_a_resource_belongs_to_the_outermost_component_below_the_foundation(number: int, name: str) -> None:
    assert component(STEPS[number]) == name
    assert purpose(name)


def test_device_plugins_are_a_row_of_their_own() -> None:
    """On foundations whose nodes bring one, nothing says that the platform deploys it."""
    made = component(step("create", "ml-platform:index:DevicePlugins$kubernetes:apps/v1:DaemonSet", "h100"))
    namespace = component(step("create", "ml-platform:index:Devices$kubernetes:core/v1:Namespace", "devices"))
    assert (made, namespace) == ("device plugins", "GPUs")
    assert "plugin" not in purpose("GPUs")


def test_without_a_component_a_resource_is_a_provider_s() -> None:
    assert component(step("create", "pulumi:providers:aws", "aws")) == "providers"
    assert component(step("create", "ml-platform:foundation:Aws$pulumi:providers:aws", "aws")) == "foundation"


def test_additions_are_counted_and_everything_else_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys, PLAN)
    changes = lines[lines.index("+ keys: 2 Key") :]
    assert changes == [
        "+ keys: 2 Key",
        "± pool a10g: NodePool a10g",
        "~ database: Instance tracking",
        "- serving: Deployment digits",
        "2 create, 1 update, 1 replace, 1 delete, and no mandatory policy is violated",
    ]


def test_without_a_cloud_there_is_no_cost_but_the_table_stays(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys, PLAN)
    assert lines[0] == "Stack prod: no cloud cost"
    assert lines[1].split() == ["component", "changes", "what", "it", "is"]
    assert any(line.split() == ["tracking", "unchanged", *purpose("tracking").split()] for line in lines)
    assert "a month" not in " ".join(lines)


def test_the_cost_comes_first_and_says_what_it_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    a10g = Amounts(Decimal("0"), Decimal("1669.911"), Decimal("6679.644"))
    vision = Amounts(Decimal("0"), Decimal("1669.911"), Decimal("5009.733"))
    items = [
        Item("keys", "key", 2, always(Decimal("2"))),
        Item("pool a10g", "0 to 4 x g5.2xlarge", 1, a10g, teams={"vision": vision}),
        Item("database", "secret with its password", 2, Amounts()),
        Item("network", "interface endpoint in 3 zones", 6, always(Decimal("157.68"))),
    ]
    cost = Cost(
        *("eu-north-1", items, [], [], ["log data"], ["NAT gateway"], ["db.x99.large"], ["a note"]),
        dates=["2025-05", "2026-09"],
    )
    lines = shown(capsys, PLAN, cost)
    most = "with every pool at its maximum"
    assert lines[0] == f"Stack prod: usually $1,829.59 a month, $159.68 without jobs, $6,839.32 {most}"
    assert lines[1] == f"An hour: usually $2.51, $0.22 without jobs, $9.37 {most}"
    cells = [line.split() for line in lines]
    assert ["keys", "2.00", "2.00", "2.00", "2", "create", "2", "x", "key"] in cells
    assert ["pool", "a10g", "0.00", "1,669.91", "6,679.64", "1", "replace", "0", "to", "4", "x", "g5.2xlarge"] in cells
    assert any(line.endswith(" 2 x secret with its password") for line in lines)
    assert ["network", "157.68", "157.68", "157.68", "6", "x", "interface", "endpoint", "in", "3", "zones"] in cells
    assert ["total", "159.68", "1,829.59", "6,839.32"] in cells
    assert cells.index(["vision", "0.00", "1,669.91", "5,009.73"]) > cells.index(
        ["total", "159.68", "1,829.59", "6,839.32"]
    )
    assert ["platform", "159.68", "159.68", "1,829.59"] in cells
    text = "\n".join(lines)
    assert "Priced as in us-east-1, since the price in eu-north-1 is not known: NAT gateway." in text
    assert "Not included, since no price is known: db.x99.large." in text
    assert "List prices of eu-north-1 (2025-05 to 2026-09), 730 h" in text
    assert text.index("By use, not included: log data.") < text.index("+ keys: 2 Key")


def test_an_advisory_violation_is_shown_with_its_resource(capsys: pytest.CaptureFixture[str]) -> None:
    problem = {"policy": "tags-present", "urn": STEPS[0]["urn"], "mandatory": False, "message": "without team"}
    assert "! policy tags-present, tracking: without team" in shown(capsys, {**PLAN, "problems": [problem]})

"""Costs of declarations in tests, from what the program registers."""

from __future__ import annotations

from datetime import date
from typing import Any

from infra.cost import Cost, Item, monthly
from infra.declaration.loader import declare
from tests.unit.components.recorder import Recorder, platform
from tests.unit.declaration.samples import REPOSITORY, on_aws

TODAY = date(2026, 11, 28)


def steps(recorder: Recorder) -> list[dict[str, Any]]:
    """What was registered, as steps of a plan. Mocks tell no parents."""
    return [
        {
            "operation": "create",
            "urn": f"urn:pulumi:test::ml-platform::{each.type}::{each.name}",
            "type": each.type,
            "custom": not each.type.startswith("ml-platform:"),
            "inputs": each.inputs,
        }
        for each in recorder.resources
    ]


def cost(declaration: dict[str, Any], today: date = TODAY) -> Cost:
    found = monthly(declare(declaration, "Pulumi.test.yaml", REPOSITORY), steps(platform(declaration)), today=today)
    assert found is not None
    return found


def dollars(cost: Cost) -> tuple[str, str, str]:
    """At the minimum, usually, at the maximum."""
    return f"{cost.dollars.minimum:.2f}", f"{cost.dollars.usual:.2f}", f"{cost.dollars.maximum:.2f}"


def item(cost: Cost, start: str) -> Item:
    (found,) = [each for each in cost.items if each.what.startswith(start)]
    return found


def small_stack(**changes: object) -> dict[str, Any]:
    """Two zones, one NAT gateway, no pools, no standby of the database."""
    cheap = {
        "foundation.aws.network.zones": ["eu-central-1a", "eu-central-1b"],
        "foundation.aws.network.nat": "single",
        "foundation.aws.database": {"multiZone": False, "storage": 20},
        "nodePools": {},
    }
    return on_aws(**{**cheap, **changes})

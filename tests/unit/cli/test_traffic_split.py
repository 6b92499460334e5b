"""How a route divides its requests."""

from __future__ import annotations

from typing import Any

import pytest

from cli.traffic_split import traffic_split


def backends(*parts: tuple[str, Any]) -> list[dict[str, Any]]:
    return [{"name": name, "weight": weight} for name, weight in parts]


@pytest.mark.parametrize(
    ("parts", "percents"),
    [
        (backends(("digits", 90), ("digits-canary", 10)), {"digits": 90, "digits-canary": 10}),
        (backends(("digits", 1_000_000), ("digits", 1)), {"digits": 100}),
        (backends(("digits-canary", 1), ("digits-canary", 1_000_000)), {"digits-canary": 100}),
        (backends(("digits", "unknown"), ("digits-canary", None)), {}),
        (backends(("digits", 0)), {}),
        ([{"name": "tracking"}], {}),
        ([], {}),
    ],
)
def test_a_service_gets_the_weights_of_all_its_backends(parts: list[dict[str, Any]], percents: dict[str, int]) -> None:
    assert traffic_split(parts) == percents

"""Checkpoints: a team's quota must have room for their volumes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.declaration.samples import accepted, refused

QUOTA = {"cpu": 8, "memory": "16Gi"}


def checkpoint(size: str, **quota: Any) -> dict[str, Any]:
    return {"training.digits.checkpoint": {"size": size}, "teams.vision.quota": {**QUOTA, **quota}}


@pytest.mark.parametrize(
    ("size", "quota", "line"),
    [
        ("3Gi", {}, "none is declared, which is less"),
        ("3Gi", {"storage": "5Gi"}, "5Gi is less"),
    ],
)
def test_a_run_and_its_successor_must_fit_the_quota(root: Path, size: str, quota: dict[str, Any], line: str) -> None:
    rest = "than twice the team's checkpoints: a run and the one that replaces it; write at least 6Gi"
    assert refused(root, **checkpoint(size, **quota)) == [
        f"Pulumi.dev.yaml: platform.teams.vision.quota.storage: {line} {rest}"
    ]


def test_a_quota_with_room_or_none_is_fine(root: Path) -> None:
    accepted(root, **checkpoint("3Gi", storage="6Gi"))
    accepted(root, **{"training.digits.checkpoint": {"size": "3Gi"}})


def test_a_size_is_a_quantity(root: Path) -> None:
    (line,) = refused(root, **{"training.digits.checkpoint": {"size": "much"}})
    assert line.startswith("Pulumi.dev.yaml: platform.training.digits.checkpoint.size: ")

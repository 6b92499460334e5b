"""How many workers a job may have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.declaration.loader import declare
from tests.unit.declaration.samples import WHERE, in_cluster, refusal, small

TRAINING = {"team": "vision", "image": "training", "model": "digits"}


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({"workers": 0}, "training.digits.workers", "0 is out of range; write at least 1"),
        ({"workers": 3, "pool": "a10g", "gpus": 1}, "training.digits.gpus", "do not fit in pool 'a10g'"),
    ],
)
def test_what_can_not_run_is_refused(root: Path, changes: dict[str, Any], path: str, message: str) -> None:
    found = refusal(root, small(training={"digits": {**TRAINING, **changes}}, serving={}, monitoring=None))
    assert any(path in line and message in line for line in found), found


def test_a_name_that_leaves_no_room_for_hosts_is_refused(root: Path) -> None:
    name = "d" * 43
    declare(small(training={name: {**TRAINING, "workers": 10}}, serving={}, monitoring=None), WHERE, root)
    (line,) = refusal(root, small(training={f"{name}d": {**TRAINING, "workers": 10}}, serving={}, monitoring=None))
    assert "write a name of at most 43" in line


def test_an_existing_cluster_runs_one_worker(root: Path) -> None:
    found = refusal(root, in_cluster(training={"digits": {**TRAINING, "workers": 2}}, serving={}))
    assert any(
        "training.digits.workers" in line and "not supported on the cluster foundation" in line for line in found
    )

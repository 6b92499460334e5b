"""How many workers a job may have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.declaration.loader import declare
from tests.unit.declaration.samples import WHERE, in_cluster, refusal, small

TRAINING = {"team": "vision", "image": "training", "model": "digits"}
FULL = (
    "workers do not fit in pool 'a10g' at its maximum, which has room for 2; raise nodePools.a10g.max, or write fewer "
    "workers"
)
"""Two nodes, of 8 cores, 32Gi and one GPU each."""


@pytest.mark.parametrize("resources", [{"cpu": 4}, {"memory": "16Gi"}])
def test_several_workers_share_a_node(root: Path, resources: dict[str, Any]) -> None:
    job = {**TRAINING, "workers": 4, "pool": "a10g", "resources": resources}
    declare(small(training={"digits": job}, serving={}, monitoring=None), WHERE, root)


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({"workers": 0}, "training.digits.workers", "0 is out of range; write at least 1"),
        ({"workers": 3, "pool": "a10g", "gpus": 1}, "training.digits.workers", f"3 {FULL}"),
        ({"workers": 3, "pool": "a10g", "resources": {"cpu": 5}}, "training.digits.workers", f"3 {FULL}"),
        ({"workers": 3, "pool": "a10g", "resources": {"memory": "17Gi"}}, "training.digits.workers", f"3 {FULL}"),
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

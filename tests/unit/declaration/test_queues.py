"""Queues: what could never be admitted, or does nothing, is refused; the quota of a team is counted once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.declaration.queues import Amounts, namespace_quota, shares
from tests.unit.declaration.samples import accepted, in_cluster, refusal, refused

GIB = 2**30
QUOTA = {"cpu": 8, "memory": "16Gi", "gpus": 1}
QUEUES = {"queues": {}, "teams.vision.quota": QUOTA, "teams.speech.quota": QUOTA}
"""The pool has two GPUs."""
JOB = {"team": "speech", "image": "training"}
SECOND_POOL = {"instance": {"cpu": 8, "memory": "32Gi"}, "gpu": {"model": "NVIDIA-L4", "count": 4}}


def test_nominal_quotas_are_without_what_endpoints_request(root: Path) -> None:
    found = shares(accepted(root, **QUEUES))
    # Two replicas, and one more pod during a rollout.
    assert found["vision"].nominal == Amounts(8000 - 750, 16 * GIB - 3 * GIB // 2, 97, {"a10g": 1})
    assert found["speech"].nominal == Amounts(8000, 16 * GIB, 100, {"a10g": 1})


def test_a_team_borrows_at_most_what_others_have(root: Path) -> None:
    limit = {"cpu": 2, "memory": "64Gi", "gpus": 4}
    found = shares(accepted(root, **QUEUES, **{"teams.vision.queue": {"borrowingLimit": limit}}))
    assert found["vision"].borrowable == Amounts(2000, 16 * GIB, 0, {"a10g": 1})
    assert found["speech"].borrowable == found["vision"].nominal.minus(Amounts(pods=97))


@pytest.mark.parametrize(("cpu", "memory"), [(0, 0), ("0m", "0Gi")])
def test_a_team_may_borrow_nothing(root: Path, cpu: object, memory: object) -> None:
    limit = {"cpu": cpu, "memory": memory, "gpus": 0}
    found = shares(accepted(root, **QUEUES, **{"teams.vision.queue": {"borrowingLimit": limit}}))
    assert found["vision"].borrowable == Amounts(gpus={"a10g": 0})


def test_the_quota_of_a_namespace_never_refuses_what_its_queue_admits(root: Path) -> None:
    platform = accepted(root, **QUEUES)
    quota = namespace_quota(platform, "vision")
    assert quota is not None
    assert (quota.cpu, quota.memory, quota.gpus, quota.pods) == ("16000m", f"{32 * 2**20}Ki", 2, 100)


def test_without_queues_the_quota_is_as_declared(root: Path) -> None:
    platform = accepted(root, **{"teams.vision.quota": QUOTA})
    assert shares(platform) == {}
    assert namespace_quota(platform, "vision") is platform.teams["vision"].quota
    assert namespace_quota(platform, "speech") is None


def test_jobs_may_be_more_than_their_quota_together(root: Path) -> None:
    jobs: dict[str, Any] = {f"job-{number}": {**JOB, "resources": {"cpu": 6}} for number in range(3)}
    assert accepted(root, **QUEUES, batch=jobs)
    lines = refused(root, **{"teams.speech.quota": QUOTA}, batch=jobs)
    assert "teams.speech.quota.cpu: 8 is less than the team's jobs and endpoints request (18000m" in lines[0]


def test_pools_divide_the_gpus_of_a_team(root: Path) -> None:
    queue = {"gpus": {"a10g": 1, "l4": 2}}
    changes = {**QUEUES, "nodePools.l4": SECOND_POOL, "teams.vision": {"quota": {**QUOTA, "gpus": 3}, "queue": queue}}
    changes["teams.speech.quota"] = {**QUOTA, "gpus": 0}
    found = shares(accepted(root, **changes))
    assert found["vision"].nominal.gpus == {"a10g": 1, "l4": 2}
    assert found["speech"].nominal.gpus == {"a10g": 0, "l4": 0}
    assert found["speech"].borrowable.gpus == {"a10g": 1, "l4": 2}


LIMITED = {"teams.speech.queue": {"borrowingLimit": {"memory": "512Mi"}}}
GANG = {"team": "vision", "image": "training", "model": "digits", "pool": "a10g", "gpus": 1, "workers": 4}
WITHOUT = "does nothing without queues; declare 'queues', or remove this"


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"teams.vision.queue": {}}, f"teams.vision.queue: {WITHOUT}"),
        ({"training.digits.priority": "high"}, f"training.digits.priority: {WITHOUT}"),
        (
            {**QUEUES, "training.digits.priority": "hihg"},
            "training.digits.priority: priority 'hihg' is not declared; did you mean 'high'?",
        ),
        (
            {**QUEUES, "batch": {"nightly": {**JOB, "priority": "urgent"}}, "queues": {"priorities": {"a": 1, "b": 2}}},
            "batch.nightly.priority: priority 'urgent' is not declared; known: a, b",
        ),
        (
            {**QUEUES, "queues": {"priorities": {"default": 1}}},
            "queues.priorities.default: 'default' is the priority of jobs that declare none; write another name",
        ),
        (
            {**QUEUES, "queues": {"priorities": {"p" * 50: 1}}, "namespace": "n" * 13},
            f"queues.priorities.{'p' * 50}: the name has 50 characters; with the platform's namespace, write one of at "
            "most 49",
        ),
        (
            {**QUEUES, "queues": {"podsReadyTimeout": "30s"}},
            "queues.podsReadyTimeout: 30s is too short for pods to start; write at least 1m",
        ),
        (
            {**QUEUES, "teams.speech": {}},
            "teams.speech.quota: queues divide the quotas of teams, and this team has none; declare one",
        ),
        (
            {**QUEUES, "teams.vision.queue": {"gpus": {"a10g": 2}}},
            "teams.vision.queue.gpus: these are 2 GPUs, and the team's quota has 1; write numbers that add up to it",
        ),
        (
            {**QUEUES, "teams.vision.queue": {"gpus": {"a10h": 1}}},
            "teams.vision.queue.gpus.a10h: pool 'a10h' has no GPUs; did you mean 'a10g'?",
        ),
        (
            {**QUEUES, "nodePools.l4": SECOND_POOL, "teams.speech.quota": {**QUOTA, "gpus": 0}},
            "teams.vision.queue: several pools have GPUs (a10g, l4); write how many of which in 'gpus', such as "
            "{gpus: {a10g: 1}}",
        ),
        (
            {**QUEUES, "nodePools.a10g.max": 1},
            "nodePools.a10g.max: the pool has 1 GPUs at most, and the quotas of teams promise 2 of it; raise it, or "
            "lower teams.vision.quota.gpus or teams.speech.quota.gpus",
        ),
        (
            {**QUEUES, "batch": {"nightly": {**JOB, "resources": {"cpu": 16}}}},
            "batch.nightly: 1 pod requests 16 cores; the queue of team 'speech' may have at most 15.25 (8 of its own "
            "without its endpoints, 7.25 borrowed); write less, or raise teams.speech.quota.cpu",
        ),
        (
            {**QUEUES, **LIMITED, "batch": {"nightly": {**JOB, "resources": {"memory": "20Gi"}}}},
            "batch.nightly: 1 pod requests 20Gi of memory; the queue of team 'speech' may have at most 16.5Gi (16Gi of "
            "its own without its endpoints, 512Mi borrowed); write less, or raise teams.speech.quota.memory or "
            "teams.speech.queue.borrowingLimit.memory",
        ),
        (
            {**QUEUES, "nodePools.a10g.max": 4, "training.digits": GANG},
            "training.digits: 4 pods request 4 GPUs of pool 'a10g'; the queue of team 'vision' may have at most 2 (1 "
            "of its own without its endpoints, 1 borrowed); write less, or raise teams.vision.quota.gpus",
        ),
        (
            {**QUEUES, "teams.vision.quota": {**QUOTA, "pods": 4}, "training.digits.workers": 2},
            "training.digits: it has 2 pods; the queue of team 'vision' may have at most 1 (1 of its own without "
            "its endpoints, 0 borrowed); write less, or raise teams.vision.quota.pods",
        ),
        (
            {**QUEUES, "teams.ml-platform-queues": {"quota": {**QUOTA, "gpus": 0}}},
            "teams.ml-platform-queues: 'ml-platform-queues' is the namespace of the platform's queues; write another "
            "name",
        ),
    ],
)
def test_mistakes_are_refused_at_their_path(root: Path, changes: dict[str, object], line: str) -> None:
    assert f"Pulumi.dev.yaml: platform.{line}" in refused(root, **changes)


def test_a_cluster_that_exists_gets_no_second_kueue(root: Path) -> None:
    quotas = {"teams.vision.quota": {**QUOTA, "gpus": 1}, "teams.speech.quota": {**QUOTA, "gpus": 1}}
    (line,) = refusal(root, in_cluster(queues={}, **quotas))
    assert line.startswith("Pulumi.dev.yaml: platform.queues: Kueue is installed once in a cluster")

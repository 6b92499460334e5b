"""When a Deployment runs what was declared. `tests/stack/test_llm.py` has a rollout that fails on a real cluster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from cli import rollouts
from cli.objects import Objects
from cli.rollouts import changed, has_failed, is_complete, require_complete
from common.errors import CommandError


def deployment(generation: int = 2, observed: int = 2, reason: str = "NewReplicaSetAvailable", **status: int) -> Any:
    counts = {"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1, **status}
    conditions = [{"type": "Progressing", "reason": reason, "message": "said by its controller"}]
    return {
        "metadata": {"generation": generation},
        "spec": {"replicas": 1, "progressDeadlineSeconds": 120},
        "status": {"observedGeneration": observed, "conditions": conditions, **counts},
    }


@pytest.mark.parametrize(
    ("found", "complete"),
    [
        (deployment(), True),
        (deployment(generation=3), False),  # the status is that from before the update
        (deployment(updatedReplicas=0), False),
        (deployment(replicas=2), False),  # the old pod has not gone
        (deployment(availableReplicas=0), False),
        ({"metadata": {"generation": 1}, "spec": {}}, False),  # nothing has looked at it yet
        (deployment(replicas=0, updatedReplicas=0, availableReplicas=0) | {"spec": {"replicas": 0}}, True),
    ],
)
def test_a_rollout_is_complete_when_all_pods_are_of_the_last_template(found: Any, complete: bool) -> None:
    assert is_complete(found) is complete


def test_a_deadline_that_was_missed_before_the_update_does_not_count() -> None:
    assert has_failed(deployment(reason="ProgressDeadlineExceeded"))
    assert not has_failed(deployment(generation=3, reason="ProgressDeadlineExceeded"))


def test_an_update_s_deployments_are_known_by_the_engine_s_events() -> None:
    def event(op: str, kind: str, id_: str) -> dict[str, Any]:
        return {"resOutputsEvent": {"metadata": {"op": op, "type": f"kubernetes:{kind}", "new": {"id": id_}}}}

    of = "apps/v1:Deployment"
    events = [
        event("update", of, "vision/digits"),
        event("same", of, "vision/other"),
        event("create", of, "speech/words"),
        event("create", "core/v1:Service", "vision/digits"),
        {"resOutputsEvent": {"metadata": {"op": "delete", "type": f"kubernetes:{of}", "new": None}}},
        {"summaryEvent": {}},
    ]
    assert changed(events) == ["speech/words", "vision/digits"]


def answering(monkeypatch: pytest.MonkeyPatch, *answers: Any) -> None:
    left: Iterator[Any] = iter(answers)
    monkeypatch.setattr(rollouts, "_PAUSE", 0)
    monkeypatch.setattr(Objects, "get", lambda *_: next(left))


def test_it_waits_until_the_rollout_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, deployment(generation=3), deployment(updatedReplicas=0), deployment())
    require_complete(client.ApiClient(), ["vision/digits"])


def test_a_rollout_that_fails_is_named_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = deployment(updatedReplicas=1, availableReplicas=0, reason="ProgressDeadlineExceeded")
    answering(monkeypatch, deployment(), deployment(generation=3), failed)
    with pytest.raises(CommandError) as error:
        require_complete(client.ApiClient(), ["vision/words", "vision/digits"])
    assert (error.value.what, error.value.why) == (
        "Deployment vision/digits is not rolled out",
        "said by its controller",
    )


@pytest.mark.parametrize("error", [ApiException(status=500, reason="Internal"), HTTPError("refused")])
def test_a_cluster_that_does_not_answer_is_one_error(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: object) -> Any:
        raise error

    monkeypatch.setattr(Objects, "get", fail)
    with pytest.raises(CommandError, match="the cluster does not say"):
        require_complete(client.ApiClient(), ["vision/digits"])


def test_one_that_somebody_has_deleted_meanwhile_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, {})
    require_complete(client.ApiClient(), ["vision/digits"])

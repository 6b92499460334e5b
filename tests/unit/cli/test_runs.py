"""Runs that `up` has submitted: which are new, and what each has come to."""

from __future__ import annotations

from typing import Any

import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from cli import jobs, runs
from cli.queues import resume, waiting
from cli.run_state import of_status
from infra.catalogue.names import STOPPED_ANNOTATION

PREFIX = "urn:pulumi:dev::ml-platform::ml-platform:index:"


def done(op: str, urn: str) -> dict[str, Any]:
    return {"resOutputsEvent": {"metadata": {"op": op, "urn": urn}}}


def test_only_runs_that_were_created_are_new() -> None:
    events = [
        {"preludeEvent": {}},
        done("create", f"{PREFIX}Training$kubernetes:batch/v1:Job::digits-0a1b2c3d"),
        done("same", f"{PREFIX}Training$kubernetes:batch/v1:Job::words-4e5f6a7b"),
        done("delete", f"{PREFIX}Training$kubernetes:batch/v1:Job::digits-8c9d0e1f"),
        done("create", f"{PREFIX}Delivery$kubernetes:batch/v1:Job::dashboards"),
        done("create", f"{PREFIX}Training::digits"),
    ]
    assert runs.submitted(events) == {"digits-0a1b2c3d"}


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ({}, "pending"),
        ({"active": 1}, "pending"),
        ({"active": 1, "ready": 1}, "running"),
        ({"succeeded": 1}, "running"),
        ({"active": 1, "ready": 0, "failed": 1}, "retrying"),
        ({"failed": 2, "conditions": [client.V1JobCondition(type="Failed", status="True")]}, "failed"),
        ({"conditions": [client.V1JobCondition(type="Failed", status="False")]}, "pending"),
    ],
)
def test_a_run_has_failed_only_for_good(status: dict[str, Any], state: str) -> None:
    assert of_status(client.V1JobStatus(**status)) == state


def condition(type_: str, status: str, message: str) -> dict[str, str]:
    return {"type": type_, "status": status, "message": message}


@pytest.mark.parametrize(
    ("workloads", "state"),
    [
        ([], "queued"),
        ([[condition("QuotaReserved", "False", "2 more needed\n")]], "queued: 2 more needed "),
        ([[condition("QuotaReserved", "True", "Quota reserved"), condition("Admitted", "True", "Admitted")]], "queued"),
        (None, "suspended"),
    ],
)
def test_a_suspended_run_says_why_it_waits(
    monkeypatch: pytest.MonkeyPatch, workloads: list[list[dict[str, str]]] | None, state: str
) -> None:
    def found(*_: Any, label_selector: str, **__: Any) -> dict[str, Any]:
        assert label_selector == "kueue.x-k8s.io/job-uid=1-2-3"
        if workloads is None:
            raise ApiException(status=404)
        return {"items": [{"status": {"conditions": each}} for each in workloads]}

    monkeypatch.setattr(client.CustomObjectsApi, "list_namespaced_custom_object", found)
    assert waiting(client.ApiClient(), "vision", "1-2-3") == state


def stopped(active: bool, **annotations: str) -> dict[str, Any]:
    conditions = [condition("QuotaReserved", "False", "The workload is deactivated")]
    metadata = {"name": "job-digits-x", "annotations": annotations}
    return {"metadata": metadata, "spec": {"active": active}, "status": {"conditions": conditions}}


@pytest.mark.parametrize(
    ("workload", "state"),
    [
        (stopped(False, **{STOPPED_ANNOTATION: "idle GPUs"}), "stopped: idle GPUs"),
        (stopped(True, **{STOPPED_ANNOTATION: "idle GPUs"}), "queued: The workload is deactivated"),
        (stopped(False), "queued: The workload is deactivated"),
    ],
)
def test_a_run_that_the_platform_has_stopped_says_so_and_starts_again(
    monkeypatch: pytest.MonkeyPatch, workload: dict[str, Any], state: str
) -> None:
    """Only that one: Kueue deactivates runs, too."""
    changed: list[Any] = []
    monkeypatch.setattr(
        client.CustomObjectsApi, "list_namespaced_custom_object", lambda *_, **__: {"items": [workload]}
    )
    monkeypatch.setattr(
        client.CustomObjectsApi, "patch_namespaced_custom_object", lambda *call: changed.append(call[-2:])
    )
    api = client.ApiClient()
    assert waiting(api, "vision", "1-2-3") == state
    was_stopped = state.startswith("stopped")
    assert resume(api, "vision", "1-2-3") is was_stopped
    change = {"metadata": {"annotations": {STOPPED_ANNOTATION: None}}, "spec": {"active": True}}
    assert changed == [("job-digits-x", change)] * was_stopped


def pod(**status: Any) -> client.V1Pod:
    return client.V1Pod(status=client.V1PodStatus(**status))


def container(**state: Any) -> client.V1ContainerStatus:
    return client.V1ContainerStatus(
        name="main", image="", image_id="", ready=False, restart_count=0, state=client.V1ContainerState(**state)
    )


UNSCHEDULED = client.V1PodCondition(type="PodScheduled", status="False", message="0/3 nodes are available")
PULLING = client.V1ContainerStateWaiting(reason="ContainerCreating")
REFUSED = client.V1ContainerStateWaiting(reason="ImagePullBackOff", message="not found")
CRASHED = client.V1ContainerStateTerminated(reason="Error", exit_code=1, message="no such file\nsecond line")
REPORTED = client.V1ContainerStateTerminated(reason="Error", exit_code=1, message='{"passed": false}')
NO_TOOLKIT = client.V1ContainerStateTerminated(
    reason="StartError",
    exit_code=128,
    message="failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create "
    "failed: unable to start container process: error during container init: error running prestart hook #0: exit "
    "status 1, stdout: , stderr: Auto-detected mode as 'legacy'\n"
    "nvidia-container-cli: initialization error: nvml error: driver not loaded\n: unknown",
)
HOSTILE = client.V1ContainerStateWaiting(reason="ErrImagePull", message="\x1b[2Jno\nimage")
KILLED = client.V1ContainerStateTerminated(reason="OOMKilled", exit_code=137)


@pytest.mark.parametrize(
    ("seen", "reasons"),
    [
        (pod(), []),
        (pod(conditions=[UNSCHEDULED]), ["0/3 nodes are available"]),
        (pod(container_statuses=[container(waiting=PULLING)]), []),
        (pod(container_statuses=[container(waiting=REFUSED)]), ["ImagePullBackOff: not found"]),
        (pod(container_statuses=[container(terminated=KILLED)]), ["OOMKilled, exit code 137"]),
        (pod(reason="DeadlineExceeded"), ["DeadlineExceeded"]),
        (
            pod(reason="Evicted", message="low on memory", container_statuses=[container(terminated=KILLED)]),
            ["Evicted: low on memory", "OOMKilled, exit code 137"],
        ),
        (pod(container_statuses=[container(terminated=CRASHED)]), ["Error, exit code 1: no such file"]),
        (pod(container_statuses=[container(terminated=REPORTED)]), ["Error, exit code 1"]),
        (
            pod(container_statuses=[container(terminated=NO_TOOLKIT)]),
            ["StartError, exit code 128: nvidia-container-cli: initialization error: nvml error: driver not loaded"],
        ),
        (pod(container_statuses=[container(waiting=HOSTILE)]), ["ErrImagePull: ?[2Jno image"]),
    ],
)
def test_a_run_says_why_it_does_not_proceed(seen: client.V1Pod, reasons: list[str]) -> None:
    assert list(jobs.reasons(seen)) == reasons


def test_a_long_reason_keeps_its_beginning_and_its_end() -> None:
    waiting = client.V1ContainerStateWaiting(reason="CreateContainerError", message="a" * 4000 + " no space left")
    (reason,) = jobs.reasons(pod(container_statuses=[container(waiting=waiting)]))
    assert len(reason) == 200
    assert reason.startswith("CreateContainerError: aaa") and reason.endswith("aaa no space left")


def test_what_to_do_next_depends_on_whether_it_has_ended() -> None:
    failed = runs.Run("digits", "failed", "OOMKilled, exit code 137", "kubectl -n vision logs job/digits-0a1b2c3d")
    assert runs.advice("dev", failed) == (
        "training job digits failed (OOMKilled, exit code 137); its log, in `make shell STACK=dev`: "
        "kubectl -n vision logs job/digits-0a1b2c3d"
    )
    assert runs.advice("dev", runs.Run("digits", "running")).endswith("`make status STACK=dev WAIT=1` waits for it")
    idle = runs.Run("digits", "stopped: idle GPUs")
    assert idle.ended and idle.failed
    assert runs.advice("dev", idle) == (
        "training job digits stopped: idle GPUs; `make run STACK=dev JOB=digits` starts it again"
    )

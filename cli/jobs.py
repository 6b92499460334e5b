"""What the cluster says of Jobs and their pods."""

from collections.abc import Iterator
from typing import Any

from kubernetes import client

_QUIET_REASONS = (None, "ContainerCreating", "PodInitializing")


def has_ended(status: client.V1JobStatus) -> bool:
    """Whether a Job has succeeded or failed."""
    return any(each.type in ("Complete", "Failed") and each.status == "True" for each in status.conditions or [])


def pods_of(core: client.CoreV1Api, namespace: str, job: str) -> list[Any]:
    """The pods of a Job, including those that have ended."""
    return list(core.list_namespaced_pod(namespace, label_selector=f"batch.kubernetes.io/job-name={job}").items)


def reasons(pod: Any) -> Iterator[str]:
    """Why a pod is not scheduled, does not start, or has ended."""
    for condition in pod.status.conditions or []:
        if condition.type == "PodScheduled" and condition.status == "False":
            yield condition.message or condition.reason
    for container in pod.status.container_statuses or []:
        waiting, ended = container.state.waiting, container.state.terminated
        if waiting and waiting.reason not in _QUIET_REASONS:
            yield ": ".join(filter(None, (waiting.reason, waiting.message)))
        if ended and ended.exit_code:
            yield f"{ended.reason}, exit code {ended.exit_code}"
    if pod.status.reason:
        yield pod.status.reason

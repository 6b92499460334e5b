"""What the cluster says of Jobs and their pods."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException

_QUIET_REASONS = (None, "ContainerCreating", "PodInitializing")
_LONGEST, _BEGINNING = 200, 60
_TOOLKIT = re.compile(r"nvidia-container-cli.*")


def read(call: Any, name: str, namespace: str) -> Any:
    """The object, or None if it does not exist."""
    try:
        return call(name, namespace)
    except ApiException as error:
        if error.status == 404:
            return None
        raise


def has_ended(status: client.V1JobStatus) -> bool:
    """Whether a Job has succeeded or failed."""
    return any(each.type in ("Complete", "Failed") and each.status == "True" for each in status.conditions or [])


def pods_of(core: client.CoreV1Api, namespace: str, job: str) -> list[Any]:
    """The pods of a Job, including those that have ended."""
    return list(core.list_namespaced_pod(namespace, label_selector=f"batch.kubernetes.io/job-name={job}").items)


def pods_of_run(core: client.CoreV1Api, output: Mapping[str, Any]) -> list[Any]:
    """The pods of a training run, by its output; of several workers all of these."""
    if not output.get("job_set"):
        return pods_of(core, output["namespace"], output["job"])
    selector = f"jobset.sigs.k8s.io/jobset-name={output['job_set']}"
    return list(core.list_namespaced_pod(output["namespace"], label_selector=selector).items)


def reasons(pod: Any) -> Iterator[str]:
    """Why a pod is not scheduled, does not start, or has ended, the most telling first."""
    return map(printable, _reasons(pod))


def printable(text: str) -> str:
    """Text of a pod, safe for a terminal: without control characters, and of at most 200 characters.

    The middle of a longer text is left out: container runtimes put the cause at the end.
    """
    clean = "".join(each if each.isprintable() else " " if each.isspace() else "?" for each in text)
    if len(clean) <= _LONGEST:
        return clean
    return f"{clean[:_BEGINNING]}…{clean[_BEGINNING + 1 - _LONGEST :]}"


def _reasons(pod: Any) -> Iterator[str]:
    for condition in pod.status.conditions or []:
        if condition.type == "PodScheduled" and condition.status == "False":
            yield condition.message or condition.reason or "it is not scheduled"
    if pod.status.reason:
        yield _joined(pod.status.reason, pod.status.message)
    for container in pod.status.container_statuses or []:
        waiting, ended = container.state.waiting, container.state.terminated
        if waiting and waiting.reason not in _QUIET_REASONS:
            yield _joined(waiting.reason, waiting.message)
        if ended and ended.exit_code:
            yield _joined(f"{ended.reason}, exit code {ended.exit_code}", _cause(ended.message or ""))


def _joined(*parts: str | None) -> str:
    return ": ".join(filter(None, parts))


def _cause(message: str) -> str:
    """The line of a termination message that says why; none of a JSON object, which is for programs.

    NVIDIA's container toolkit writes its own below what the container runtime says.
    """
    if message.lstrip().startswith("{"):
        return ""
    toolkit = _TOOLKIT.search(message)
    return toolkit[0] if toolkit else next(iter(message.strip().splitlines()), "")

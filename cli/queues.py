"""What Kueue says of a job: why it waits in its queue, and whether the platform has stopped it."""

from collections.abc import Mapping
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException

from cli.jobs import printable
from infra.catalogue.names import STOPPED_ANNOTATION

_API = ("kueue.x-k8s.io", "v1beta2")
JOB_UID = "kueue.x-k8s.io/job-uid"
_NOT_ADMITTED = ("QuotaReserved", "Admitted")


def waiting(api: client.ApiClient, namespace: str, uid: str) -> str:
    """The state of a suspended Job or JobSet; the reason is empty until the controller has looked at it."""
    workloads = _workloads(api, namespace, uid)
    if workloads is None:
        return "suspended"
    stopped = next((why for workload in workloads if (why := _stopped(workload))), "")
    if stopped:
        return f"stopped: {printable(stopped)}"
    reason = next((reason for workload in workloads for reason in _reasons(workload)), "")
    return f"queued: {printable(reason)}" if reason else "queued"


def resume(api: client.ApiClient, namespace: str, uid: str) -> bool:
    """Let a Job or a JobSet that the platform has stopped wait in its queue again; whether it was stopped."""
    stopped = [workload for workload in _workloads(api, namespace, uid) or [] if _stopped(workload)]
    change = {"metadata": {"annotations": {STOPPED_ANNOTATION: None}}, "spec": {"active": True}}
    for workload in stopped:
        name = workload["metadata"]["name"]
        client.CustomObjectsApi(api).patch_namespaced_custom_object(*_API, namespace, "workloads", name, change)
    return bool(stopped)


def _workloads(api: client.ApiClient, namespace: str, uid: str) -> list[Mapping[str, Any]] | None:
    """None: the cluster has no Kueue."""
    list_ = client.CustomObjectsApi(api).list_namespaced_custom_object
    try:
        return list(list_(*_API, namespace, "workloads", label_selector=f"{JOB_UID}={uid}")["items"])
    except ApiException as error:
        if error.status != 404:
            raise
        return None


def _stopped(workload: Mapping[str, Any]) -> str:
    """Why; empty if it is active."""
    is_active = workload.get("spec", {}).get("active", True)
    annotations = workload.get("metadata", {}).get("annotations") or {}
    return "" if is_active else str(annotations.get(STOPPED_ANNOTATION, ""))


def _reasons(workload: Mapping[str, Any]) -> list[str]:
    conditions = workload.get("status", {}).get("conditions", [])
    return [each["message"] for each in conditions if each["type"] in _NOT_ADMITTED and each["status"] == "False"]

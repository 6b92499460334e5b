"""Why a job waits in its queue, as Kueue says it."""

from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException

from cli.jobs import printable

_GROUP, _VERSION = "kueue.x-k8s.io", "v1beta2"
_JOB = "kueue.x-k8s.io/job-uid"
_NOT_ADMITTED = ("QuotaReserved", "Admitted")


def waiting(api: client.ApiClient, namespace: str, uid: str) -> str:
    """The state of a suspended Job or JobSet; the reason is empty until the controller has looked at it."""
    selector = f"{_JOB}={uid}"
    objects = client.CustomObjectsApi(api)
    try:
        found = objects.list_namespaced_custom_object(_GROUP, _VERSION, namespace, "workloads", label_selector=selector)
    except ApiException as error:
        if error.status != 404:
            raise
        return "suspended"
    reason = next((reason for workload in found["items"] for reason in _reasons(workload)), "")
    return f"queued: {printable(reason)}" if reason else "queued"


def _reasons(workload: Any) -> list[str]:
    conditions = workload.get("status", {}).get("conditions", [])
    return [each["message"] for each in conditions if each["type"] in _NOT_ADMITTED and each["status"] == "False"]

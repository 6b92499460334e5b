"""Stops the run that an alert is about, by what it is to Kueue, if it is the one that was idle."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from controllers.alerts import Objects, Response

Object = Mapping[str, Any]

KUEUE = "/apis/kueue.x-k8s.io/v1beta2"
STOPPED, REASON = "ml-platform.io/stopped", "idle GPUs"
"""The annotation that `make status` reads."""
STOP = {"metadata": {"annotations": {STOPPED: REASON}}, "spec": {"active": False}}
"""Kueue ends the pods, gives the quota to others, and does not start it again."""


def stop_idle_run(alert: Object, cluster: Objects) -> Iterator[str]:
    """Stop the run that the alert is about; what was stopped."""
    namespace, run = alert["labels"]["namespace"], alert["labels"]["job_name"]
    workloads = f"{KUEUE}/namespaces/{namespace}/workloads"
    for workload in cluster.read(workloads)["items"]:
        if _belongs_to(workload, run) and _was_idle(workload, _time(alert["startsAt"])):
            cluster.patch(f"{workloads}/{workload['metadata']['name']}", STOP)
            yield f"stopped {namespace}/{run}: {REASON}"


RESPONSE = Response(('alertname="RunIdle"', 'then="stop"'), stop_idle_run)


def _belongs_to(workload: Object, run: str) -> bool:
    owners = workload["metadata"].get("ownerReferences", [])
    return any(owner["kind"] in ("Job", "JobSet") and owner["name"] == run for owner in owners)


def _was_idle(workload: Object, since: datetime) -> bool:
    """Whether it runs, and did so when the alert began to fire: one that was started again meanwhile is not idle."""
    conditions = workload.get("status", {}).get("conditions", [])
    admitted = [each for each in conditions if each["type"] == "Admitted" and each["status"] == "True"]
    active = workload["spec"].get("active", True)
    return active and any(_time(each["lastTransitionTime"]) < since for each in admitted)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)

"""Which workload of Kueue an alert is about, and whether it is the one that was idle."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol

Object = Mapping[str, Any]

STOPPED, REASON = "ml-platform.io/stopped", "idle GPUs"
"""The annotation that `make status` reads."""
STOP = {"metadata": {"annotations": {STOPPED: REASON}}, "spec": {"active": False}}
"""Kueue ends the pods, gives the quota to others, and does not start it again."""


class Workloads(Protocol):
    """Those of Kueue."""

    def workloads(self, namespace: str) -> Iterable[Object]: ...

    def change(self, namespace: str, name: str, patch: Object) -> None: ...


def stop_idle_run(alert: Object, cluster: Workloads) -> Iterator[str]:
    """Stop the run that the alert is about; what was stopped."""
    namespace, run = alert["labels"]["namespace"], alert["labels"]["job_name"]
    for workload in cluster.workloads(namespace):
        if _belongs_to(workload, run) and _was_idle(workload, _time(alert["startsAt"])):
            cluster.change(namespace, workload["metadata"]["name"], STOP)
            yield f"{namespace}/{run}"


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

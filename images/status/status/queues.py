"""What Kueue says of the jobs that wait in their team's queue."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Object = Mapping[str, Any]
STOPPED = "ml-platform.io/stopped"
"""An annotation with the reason."""


def waiting(workloads: Sequence[Object], jobs: Sequence[Object]) -> dict[tuple[str, str], str]:
    """The position of each waiting job in the queue of its team, and why it waits, by its namespace and name.

    A Job that is part of a JobSet waits as this does.
    """
    places, found = _places(workloads), {}
    for job in jobs:
        metadata = job["metadata"]
        uids = (metadata["uid"], *(each["uid"] for each in metadata.get("ownerReferences", [])))
        if place := next((places[uid] for uid in uids if uid in places), ""):
            found[metadata["namespace"], metadata["name"]] = place
    return found


def _places(workloads: Sequence[Object]) -> dict[str, str]:
    """By the UID of the Job or the JobSet."""
    found = {owner["uid"]: _stopped(each) for each in workloads if _stopped(each) for owner in _owners(each)}
    for queue in sorted({_queue(each) for each in workloads}):
        line = sorted((each for each in workloads if _queue(each) == queue and _waits(each)), key=_order)
        for place, each in enumerate(line, 1):
            said = next(_messages(each), "")
            for owner in _owners(each):
                found[owner["uid"]] = f"{place} of {len(line)} in the queue" + (f": {said}" if said else "")
    return found


def _owners(workload: Object) -> Sequence[Object]:
    owners: Sequence[Object] = workload["metadata"].get("ownerReferences", [])
    return owners


def _stopped(workload: Object) -> str:
    """Why the platform has stopped it; empty if it has not."""
    why = (workload["metadata"].get("annotations") or {}).get(STOPPED)
    return f"stopped: {why}" if why and not _is_active(workload) else ""


def _is_active(workload: Object) -> bool:
    return bool(workload["spec"].get("active", True))


def _queue(workload: Object) -> tuple[str, str]:
    return workload["metadata"]["namespace"], workload["spec"].get("queueName", "")


def _waits(workload: Object) -> bool:
    return _is_active(workload) and not any(_is(workload, each, "True") for each in ("QuotaReserved", "Finished"))


def _order(workload: Object) -> tuple[int, str, str]:
    """As Kueue tries them: one whose pods were not ready in time goes behind."""
    metadata, evicted = workload["metadata"], _is(workload, "Evicted", "True")
    late = evicted.get("reason") == "PodsReadyTimeout"
    since = evicted["lastTransitionTime"] if late else metadata["creationTimestamp"]
    return -(workload["spec"].get("priority") or 0), since, metadata["uid"]


def _messages(workload: Object) -> Iterator[str]:
    for type_ in ("QuotaReserved", "Admitted"):
        if found := _is(workload, type_, "False"):
            yield found["message"]


def _is(workload: Object, type_: str, status: str) -> Object:
    conditions = workload.get("status", {}).get("conditions", [])
    return next((each for each in conditions if (each["type"], each["status"]) == (type_, status)), {})

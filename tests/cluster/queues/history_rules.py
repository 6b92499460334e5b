"""What must hold after every event of a history: gangs are admitted as wholes, and no team is over its limit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.cluster.queues.history import Event

_GPU = "nvidia.com/gpu"
_JOB_SET = "jobset.sigs.k8s.io/jobset-name"
_FINISHED = ("Succeeded", "Failed")


@dataclass
class State:
    """What there is after an event."""

    limits: Mapping[str, int]
    """The most GPUs of each team: its nominal quota and what it may borrow."""
    total: int
    """The GPUs of all nodes."""
    objects: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)

    def take(self, event: Event) -> Iterator[str]:
        """What does not hold after it."""
        before = self.objects.get(event.key, {})
        if event.deleted:
            self.objects.pop(event.key, None)
        else:
            self.objects[event.key] = event.object
        found = event.object
        if event.kind == "Workload" and not event.deleted:
            yield from _parts(found)
        if event.kind == "Pod" and _is_bound(found) and not _is_bound(before):
            yield from self._beside(found)
        yield from self._over("reserved", reserved(self._all("Workload")))
        yield from self._over("bound", bound(self._all("Pod")))

    def _all(self, kind: str) -> list[dict[str, Any]]:
        return [found for key, found in self.objects.items() if key[0] == kind]

    def _beside(self, pod: dict[str, Any]) -> Iterator[str]:
        """A pod of a gang has a node while there is quota for all of the gang."""
        team, gang = pod["metadata"]["namespace"], pod["metadata"]["labels"].get(_JOB_SET, "")
        admitted = [each for each in self._all("Workload") if owner(each) == (team, gang) and holds_quota(each)]
        if not admitted:
            yield f"pod {pod['metadata']['name']} has a node, and its gang {gang} has no quota"

    def _over(self, what: str, used: Mapping[str, int]) -> Iterator[str]:
        for team, gpus in used.items():
            if gpus > self.limits[team]:
                yield f"{what}: {team} has {gpus} GPUs of {self.limits[team]}"
        if sum(used.values()) > self.total:
            yield f"{what}: all teams have {sum(used.values())} GPUs of {self.total}"


def violations(events: Iterable[Event], limits: Mapping[str, int], total: int) -> list[str]:
    """All that did not hold at any time, each with the version since when."""
    state = State(limits, total)
    return [f"{event.version}: {problem}" for event in events for problem in state.take(event)]


def decisions(events: Iterable[Event]) -> list[tuple[str, str]]:
    """What has become of each gang, in order: it is admitted, finished, or evicted for a reason."""
    found: list[tuple[str, str]] = []
    holding: set[tuple[str, str]] = set()
    for event in events:
        if event.kind != "Workload":
            continue
        gang, now = owner(event.object), holds_quota(event.object) and not event.deleted
        if now != (gang in holding):
            holding ^= {gang}
            found.append((gang[1], "admitted" if now else _end(event.object)))
    return found


def _end(workload: dict[str, Any]) -> str:
    """Why it has no quota any more."""
    reasons = _reasons(workload)
    return "finished" if "Finished" in reasons else reasons.get("Preempted", reasons.get("Evicted", "deleted"))


def owner(workload: dict[str, Any]) -> tuple[str, str]:
    """The namespace and name of the job that it is of."""
    return workload["metadata"]["namespace"], workload["metadata"]["ownerReferences"][0]["name"]


def holds_quota(workload: dict[str, Any]) -> bool:
    return bool(_assigned(workload)) and "Finished" not in _reasons(workload)


def reserved(workloads: Iterable[dict[str, Any]]) -> Counter[str]:
    """GPUs by team."""
    used: Counter[str] = Counter()
    for each in filter(holds_quota, workloads):
        used[each["metadata"]["namespace"]] += sum(
            int(part.get("resourceUsage", {}).get(_GPU, 0)) for part in _assigned(each)
        )
    return used


def bound(pods: Iterable[dict[str, Any]]) -> Counter[str]:
    """GPUs by team, those of pods that are being deleted included."""
    used: Counter[str] = Counter()
    for each in filter(_is_bound, pods):
        requests = each["spec"]["containers"][0]["resources"].get("requests", {})
        used[each["metadata"]["namespace"]] += int(requests.get(_GPU, 0))
    return used


def _is_bound(pod: dict[str, Any]) -> bool:
    return bool(pod.get("spec", {}).get("nodeName")) and pod["status"]["phase"] not in _FINISHED


def _reasons(workload: dict[str, Any]) -> dict[str, str]:
    """Of the conditions that are true."""
    conditions = workload.get("status", {}).get("conditions", [])
    return {each["type"]: each["reason"] for each in conditions if each["status"] == "True"}


def _assigned(workload: dict[str, Any]) -> list[dict[str, Any]]:
    admission = workload.get("status", {}).get("admission") or {}
    return list(admission.get("podSetAssignments", []))


def _parts(workload: dict[str, Any]) -> Iterator[str]:
    """All pod sets with all their pods, or none."""
    wanted = {part["name"]: part["count"] for part in workload["spec"]["podSets"]}
    given = {part["name"]: part["count"] for part in _assigned(workload)}
    if given and given != wanted:
        yield f"{'/'.join(owner(workload))} is admitted with {given} of {wanted}"
    if "Admitted" in _reasons(workload) and not given:
        yield f"{'/'.join(owner(workload))} is admitted with nothing"

"""What must hold after every event of a history: gangs are admitted as wholes, and no team is over its limit.

Kueue stops a gang by suspending its JobSet, and gives its quota to others when no pod is active. If it stops a gang
that it has just started, the status of the JobSet may not count its pods yet: some of them get a node, if there is
room, and are deleted a moment later. These are `late`.
"""

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
    stopped: set[tuple[str, str]] = field(default_factory=set)
    """Gangs that have had quota, and have it no more."""
    late: set[tuple[str, str, str]] = field(default_factory=set)
    """Pods that have got a node after their gang had been stopped."""

    def take(self, event: Event) -> Iterator[str]:
        """What does not hold after it."""
        before = self.objects.get(event.key, {})
        if event.deleted:
            self.objects.pop(event.key, None)
        else:
            self.objects[event.key] = event.object
        found = event.object
        if event.kind == "Workload":
            yield from () if event.deleted else _parts(found)
            self._note(before, {} if event.deleted else found)
        else:
            yield from self._pod(event.key, before, found)
        yield from self._over(reserved(self._all("Workload")))
        used = bound(self._all("Pod")).total()
        if used > self.total:
            yield f"pods have {used} GPUs of {self.total}"

    def _all(self, kind: str) -> list[dict[str, Any]]:
        return [found for key, found in self.objects.items() if key[0] == kind]

    def _note(self, before: dict[str, Any], now: dict[str, Any]) -> None:
        if now and holds_quota(now):
            self.stopped.discard(owner(now))
        elif before and holds_quota(before):
            self.stopped.add(owner(before))

    def _pod(self, key: tuple[str, str, str], before: dict[str, Any], pod: dict[str, Any]) -> Iterator[str]:
        """It has a node while there is quota for all of its gang, or else is deleted without an end of its own."""
        team, gang = pod["metadata"]["namespace"], pod["metadata"]["labels"].get(_JOB_SET, "")
        if _is_bound(pod) and not _is_bound(before):
            admitted = [each for each in self._all("Workload") if owner(each) == (team, gang) and holds_quota(each)]
            if not admitted and (team, gang) in self.stopped:
                self.late.add(key)
            elif not admitted:
                yield f"pod {pod['metadata']['name']} has a node, and its gang {gang} has no quota"
        if key in self.late and pod["status"]["phase"] in _FINISHED:
            yield f"pod {pod['metadata']['name']} has ended without the quota of its gang {gang}"

    def _over(self, used: Mapping[str, int]) -> Iterator[str]:
        for team, gpus in used.items():
            if gpus > self.limits[team]:
                yield f"{team} has quota for {gpus} GPUs of {self.limits[team]}"
        if sum(used.values()) > self.total:
            yield f"all teams have quota for {sum(used.values())} GPUs of {self.total}"


@dataclass(frozen=True)
class Verdict:
    violations: list[str]
    """All that did not hold at any time, each with the version since when."""
    late: int
    """How many pods were late."""


def judge(events: Iterable[Event], limits: Mapping[str, int], total: int) -> Verdict:
    state = State(limits, total)
    found = [f"{event.version}: {problem}" for event in events for problem in state.take(event)]
    return Verdict(found, len(state.late))


def most_bound(events: Iterable[Event]) -> dict[str, int]:
    """The most GPUs that pods of each team had at a time."""
    pods: dict[tuple[str, str, str], dict[str, Any]] = {}
    most: Counter[str] = Counter()
    for event in events:
        if event.kind == "Pod":
            pods[event.key] = {} if event.deleted else event.object
            most |= bound(pods.values())
    return dict(most)


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
        remaining = _remaining(each)
        used[each["metadata"]["namespace"]] += sum(_gpus(part, remaining[part["name"]]) for part in _assigned(each))
    return used


def _gpus(part: dict[str, Any], remaining: int) -> int:
    """Pods that have succeeded give back what they had."""
    each = int(part.get("resourceUsage", {}).get(_GPU, 0)) // max(1, int(part["count"]))
    return each * min(remaining, int(part["count"]))


def _remaining(workload: dict[str, Any]) -> dict[str, int]:
    """The pods of each part that have not succeeded."""
    ended = {part["name"]: part["count"] for part in workload.get("status", {}).get("reclaimablePods", [])}
    return {part["name"]: part["count"] - ended.get(part["name"], 0) for part in workload["spec"]["podSets"]}


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
    """All pod sets with all their pods that have not succeeded, or none."""
    wanted = _remaining(workload)
    given = {part["name"]: part["count"] for part in _assigned(workload)}
    if given and not (given.keys() == wanted.keys() and all(given[part] >= wanted[part] for part in wanted)):
        yield f"{'/'.join(owner(workload))} is admitted with {given} of {wanted}"
    if "Admitted" in _reasons(workload) and not given:
        yield f"{'/'.join(owner(workload))} is admitted with nothing"

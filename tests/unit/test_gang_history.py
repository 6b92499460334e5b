"""The rules that tests on the cluster apply to every event of gangs find what they are for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.cluster.queues.history import Event, History
from tests.cluster.queues.history_rules import decisions, judge, most_bound

LIMITS = {"red": 6, "blue": 8}
ALL = {"leader": 1, "worker": 3}


def metadata(team: str, name: str, version: int) -> dict[str, Any]:
    return {"namespace": team, "name": name, "resourceVersion": str(version)}


def workload(
    version: int,
    given: Mapping[str, int],
    team: str = "red",
    gang: str = "gang",
    deleted: bool = False,
    ended: Mapping[str, int] | None = None,
    **true: str,
) -> Event:
    """`true`: conditions with their reasons."""
    parts = [
        {"name": name, "count": count, "resourceUsage": {"nvidia.com/gpu": str(count)}} for name, count in given.items()
    ]
    conditions = [{"type": name, "status": "True", "reason": reason} for name, reason in true.items()]
    found = {
        "metadata": {**metadata(team, f"jobset-{gang}", version), "ownerReferences": [{"name": gang}]},
        "spec": {"podSets": [{"name": name, "count": count} for name, count in ALL.items()]},
        "status": {
            "reclaimablePods": [{"name": name, "count": count} for name, count in (ended or {}).items()],
            "conditions": conditions,
            **({"admission": {"podSetAssignments": parts}} if parts else {}),
        },
    }
    return Event(version, "Workload", deleted, found)


def pod(version: int, name: str, node: str | None = "node", gpus: int = 1, gang: str = "gang") -> Event:
    labels = {"jobset.sigs.k8s.io/jobset-name": gang}
    resources = {"requests": {"nvidia.com/gpu": str(gpus)}}
    found = {
        "metadata": {**metadata("red", name, version), "labels": labels},
        "spec": {"containers": [{"resources": resources}], **({"nodeName": node} if node else {})},
        "status": {"phase": "Pending"},
    }
    return Event(version, "Pod", False, found)


def broken(*events: Event, total: int = 8) -> list[str]:
    return judge(events, LIMITS, total).violations


def test_a_gang_that_is_admitted_as_a_whole_breaks_no_rule() -> None:
    assert broken(workload(1, {}), workload(2, ALL, Admitted="Admitted"), pod(3, "first", None), pod(4, "first")) == []


def test_a_part_of_a_gang_is_found() -> None:
    assert broken(workload(1, {"leader": 1})) == [f"1: red/gang is admitted with {{'leader': 1}} of {ALL}"]
    assert broken(workload(1, {"leader": 1, "worker": 2}))
    assert broken(workload(1, {}, Admitted="Admitted")) == ["1: red/gang is admitted with nothing"]


def test_pods_that_have_succeeded_need_no_quota_again() -> None:
    rest = {"leader": 0, "worker": 1}
    assert broken(workload(1, rest, ended={"leader": 1, "worker": 2}), workload(2, ALL, team="blue"), total=5) == []
    assert broken(workload(1, rest, ended={"leader": 1, "worker": 1}))


def test_a_pod_without_quota_for_all_is_found() -> None:
    found = "pod first has a node, and its gang gang has no quota"
    assert broken(workload(1, {}), pod(2, "first")) == [f"2: {found}"]
    assert broken(workload(1, ALL, gang="other"), workload(2, {}), pod(3, "first")) == [f"3: {found}"]


def test_pods_of_a_gang_that_was_stopped_are_late_and_may_not_end() -> None:
    events = [workload(1, ALL), workload(2, {}), pod(3, "first")]
    assert (broken(*events), judge(events, LIMITS, 8).late) == ([], 1)
    ended = pod(4, "first")
    ended.object["status"]["phase"] = "Succeeded"
    assert broken(*events, ended) == ["4: pod first has ended without the quota of its gang gang"]
    assert judge([workload(1, ALL), pod(2, "first"), workload(3, {})], LIMITS, 8).late == 0


def test_a_team_over_its_limit_is_found_for_as_long_as_it_is() -> None:
    assert broken(workload(1, ALL), workload(2, ALL, gang="next"), workload(3, ALL, Finished="Succeeded")) == [
        "2: red has quota for 8 GPUs of 6"
    ]
    assert broken(workload(1, ALL), workload(2, ALL, team="blue"), total=7) == [
        "2: all teams have quota for 8 GPUs of 7"
    ]
    assert broken(workload(1, ALL), pod(2, "first", gpus=9)) == ["2: pods have 9 GPUs of 8"]


def test_the_most_that_pods_had_at_a_time() -> None:
    ended = Event(4, "Pod", True, pod(4, "first", gpus=2).object)
    events = [pod(1, "first", None, gpus=2), pod(2, "first", gpus=2), pod(3, "second"), ended, pod(5, "third")]
    assert most_bound(events) == {"red": 3}


def test_decisions_are_in_order() -> None:
    events = [
        workload(1, {}),
        workload(2, ALL),
        workload(3, ALL, Evicted="Preempted", Preempted="InCohortReclamation"),
        workload(4, {}, Evicted="Preempted", Preempted="InCohortReclamation"),
        workload(5, ALL),
        workload(6, ALL, Finished="Succeeded"),
        workload(7, ALL, deleted=True, Finished="Succeeded"),
    ]
    assert [what for _, what in decisions(events)] == ["admitted", "InCohortReclamation", "admitted", "finished"]


def test_a_history_is_incomplete_until_everything_is_deleted() -> None:
    history = History({"red"})
    for version, kind in ((9, "ADDED"), (12, "BOOKMARK")):
        assert history.add("Pod", {"type": kind, "object": pod(version, "first").object}) == version
    assert history.remaining() == {("Pod", "red", "first")}
    history.add("Pod", {"type": "DELETED", "object": pod(13, "first").object})
    history.add("Pod", {"type": "ADDED", "object": {"metadata": metadata("strangers", "other", 14)}})
    assert history.remaining() == set()
    assert [event.version for event in history.events] == [9, 13]

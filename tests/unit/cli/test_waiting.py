"""Why a run waits: the arithmetic. The causes as real parts make them: `tests/cluster/queues/test_pending.py`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException

from cli.__main__ import main
from cli.waiting import amounts, command, selection
from cli.waiting.cause import Reason
from cli.waiting.cluster import JOB, JOB_SET, Facts, Pools
from cli.waiting.explain import Explanation, explain
from cli.waiting.quota import Room, pending
from cli.waiting.screen import as_json, lines
from common.errors import CommandError
from infra.catalogue.names import STOPPED_ANNOTATION
from infra.declaration.pool_nodes import GPU

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
POOL = {"ml-platform.io/pool": "h100"}


def at(minutes: int) -> str:
    """So many minutes ago."""
    return (NOW - timedelta(minutes=minutes)).isoformat()


def pod_spec(gpus: int = 0, **more: Any) -> dict[str, Any]:
    limits = {"cpu": "1", "memory": "1Gi", **({GPU: str(gpus)} if gpus else {})}
    return {"nodeSelector": POOL, "containers": [{"name": "main", "resources": {"limits": limits}}], **more}


def job(name: str = "digits", *, labels: dict[str, str] | None = None, suspend: bool = True, **spec: Any) -> Any:
    queued = {"kueue.x-k8s.io/queue-name": "vision", **(labels or {})}
    metadata = {"name": name, "namespace": "vision", "uid": name, "labels": queued, "creationTimestamp": at(10)}
    return {
        "metadata": metadata,
        "spec": {"suspend": suspend, "template": {"spec": pod_spec(2)}, **spec},
        "status": {},
    }


def workload(
    name: str, gpus: int, *, priority: int = 0, created: int = 10, admitted: int | None = None, **status: Any
) -> dict[str, Any]:
    usage = {"cpu": "1", "memory": "1Gi", GPU: str(gpus), "pods": "1"}
    conditions = [{"type": "QuotaReserved", "status": "False", "message": "no quota", "lastTransitionTime": at(1)}]
    if admitted is not None:
        conditions = [{"type": "QuotaReserved", "status": "True", "message": "", "lastTransitionTime": at(admitted)}]
        status["admission"] = {"podSetAssignments": [{"resourceUsage": usage}]}
    return {
        "metadata": {
            "name": f"job-{name}",
            "uid": f"workload-{name}",
            "labels": {"kueue.x-k8s.io/job-uid": name},
            "ownerReferences": [{"name": name}],
            "creationTimestamp": at(created),
        },
        "spec": {
            "queueName": "vision",
            "priority": priority,
            "podSets": [{"count": 1, "template": {"spec": pod_spec(gpus)}}],
        },
        "status": {"conditions": conditions, **status},
    }


def cluster_queue(team: str, nominal: int, used: int, limit: int | None = None) -> dict[str, Any]:
    borrowing = {} if limit is None else {"borrowingLimit": str(limit)}
    quota = {"name": GPU, "nominalQuota": str(nominal), **borrowing}
    return {
        "metadata": {"name": f"ml-platform-{team}"},
        "spec": {
            "cohortName": "ml-platform",
            "preemption": {"reclaimWithinCohort": "Any", "withinClusterQueue": "LowerPriority"},
            "resourceGroups": [{"flavors": [{"name": "h100", "resources": [quota]}]}],
        },
        "status": {"flavorsReservation": [{"name": "h100", "resources": [{"name": GPU, "total": str(used)}]}]},
    }


def facts(*workloads: Any, queues: list[Any] | None = None, **more: Any) -> Facts:
    run = more.pop("run", job())
    local = {"metadata": {"name": "vision", "namespace": "vision"}, "spec": {"clusterQueue": "ml-platform-vision"}}
    flavor = {"metadata": {"name": "h100"}, "spec": {"nodeLabels": POOL}}
    return Facts(
        JOB,
        run,
        NOW,
        workloads=workloads,
        local_queue=local,
        cluster_queues=queues or [cluster_queue("vision", 4, 4), cluster_queue("speech", 4, 4)],
        flavors=[flavor],
        **more,
    )


def reason(found: Explanation) -> Reason | None:
    return found.cause.reason if found.cause else None


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"cpu": "1500m", "memory": "1536Mi", GPU: "8", "pods": "1"}, "8 GPUs, 1.5 CPUs, 1.5Gi memory, 1 pod"),
        ({"cpu": "1", GPU: "1"}, "1 GPU, 1 CPU"),
        ({"ephemeral-storage": "100", "cpu": "0"}, "100 ephemeral-storage"),
        ({"cpu": "100"}, "100 CPUs"),
        ({}, "nothing"),
    ],
)
def test_amounts_are_written_for_people(written: dict[str, str], said: str) -> None:
    assert amounts.text(amounts.parsed(written)) == said


def test_a_pod_needs_its_containers_or_its_largest_init_container() -> None:
    spec = pod_spec(2, initContainers=[{"resources": {"requests": {"cpu": "3", "memory": "1Mi"}}}])
    found = amounts.of_pod({**spec, "overhead": {"cpu": "250m"}})
    assert amounts.text(found) == "2 GPUs, 3.25 CPUs, 1Gi memory, 1 pod"


@pytest.mark.parametrize(("after", "needed"), [(1, "2.5"), (4, "4.5")])
def test_a_sidecar_runs_beside_the_init_containers_after_it_and_the_containers(after: int, needed: str) -> None:
    containers = [
        {"resources": {"requests": {"cpu": "1"}}},
        {"resources": {"requests": {"cpu": "500m"}}, "restartPolicy": "Always"},
        {"resources": {"requests": {"cpu": str(after)}}},
    ]
    spec = {"containers": [{"resources": {"requests": {"cpu": "2"}}}], "initContainers": containers}
    assert amounts.of_pod(spec)["cpu"] == Decimal(needed)


@pytest.mark.parametrize(
    ("operator", "values", "matches"),
    [
        ("In", ["a", "7"], True),
        ("NotIn", ["7"], False),
        ("Exists", None, True),
        ("DoesNotExist", None, False),
        ("Gt", ["6"], True),
        ("Lt", ["6"], False),
    ],
)
def test_node_affinity_is_read_as_the_scheduler_does(operator: str, values: list[str] | None, matches: bool) -> None:
    term = {"matchExpressions": [{"key": "size", "operator": operator, "values": values}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    assert selection.selects({"affinity": {"nodeAffinity": required}}, {"size": "7"}) is matches


@pytest.mark.parametrize(
    ("toleration", "kept_away"),
    [
        ({"operator": "Exists"}, []),
        ({"key": "gpu", "operator": "Exists"}, []),
        ({"key": "gpu", "value": "yes", "effect": "NoSchedule"}, []),
        ({"key": "gpu", "value": "no"}, ["gpu=yes:NoSchedule"]),
        ({"key": "gpu", "operator": "Exists", "effect": "NoExecute"}, ["gpu=yes:NoSchedule"]),
        ({"key": "other", "operator": "Exists"}, ["gpu=yes:NoSchedule"]),
    ],
)
def test_a_taint_keeps_away_what_does_not_tolerate_it(toleration: dict[str, str], kept_away: list[str]) -> None:
    taints = [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}, {"key": "soft", "effect": "PreferNoSchedule"}]
    assert selection.untolerated({"tolerations": [toleration]}, taints) == kept_away


def room(nominal: int, used: int, limit: int | None, cohort: int, cohort_used: int) -> Room:
    most = None if limit is None else Decimal(limit)
    return Room("h100", GPU, Decimal(nominal), Decimal(used), most, Decimal(cohort), Decimal(cohort_used))


@pytest.mark.parametrize(
    ("of", "most", "free", "lent"),
    [
        (room(4, 0, None, 8, 0), 8, 8, 0),
        (room(4, 0, 2, 8, 0), 6, 6, 0),
        (room(4, 4, 2, 8, 4), 6, 2, 0),
        (room(4, 0, 0, 8, 8), 4, 0, 4),
        (room(4, 1, 0, 8, 8), 4, 0, 3),
        (room(0, 0, None, 8, 6), 8, 2, 0),
        (room(4, 0, 9, 8, 0), 8, 8, 0),
    ],
)
def test_a_team_may_use_its_quota_and_what_others_leave_idle_up_to_its_limit(
    of: Room, most: int, free: int, lent: int
) -> None:
    assert [of.most, of.free, of.lent] == [Decimal(each) for each in (most, free, lent)]


def test_the_queue_is_by_priority_then_by_age_and_what_was_not_ready_in_time_goes_last() -> None:
    late = {"type": "Evicted", "status": "True", "reason": "PodsReadyTimeout", "lastTransitionTime": at(0)}
    again = workload("again", 1, created=90)
    again["status"]["conditions"].append(late)
    everything = [
        workload("new", 1, created=1),
        workload("old-2", 1, created=60),
        workload("old-1", 1, created=60),
        again,
        workload("high", 1, priority=10, created=0),
        workload("runs", 1, admitted=3),
    ]
    everything[1]["metadata"]["name"] = "a"  # does not count
    order = [each["metadata"]["labels"]["kueue.x-k8s.io/job-uid"] for each in pending(everything, "vision")]
    assert order == ["high", "old-1", "old-2", "new", "again"]


def test_own_jobs_are_named_and_other_teams_are_amounts() -> None:
    found = explain(facts(workload("digits", 2), workload("big", 4, admitted=30)))
    assert reason(found) == Reason.QUOTA
    assert found.cause is not None
    assert found.cause.message == (
        "it needs 2 GPUs, of which the team can have 0 now: it uses 4 with a quota of 4, 0 of 8 are idle in all teams"
    )
    said = dict(lines(found))
    assert said["position"] == "1 of 1 in queue vision, priority 0"
    assert [value for word, value in lines(found) if word == "held by"] == ["big (4 GPUs)", "other teams (4 GPUs)"]
    assert as_json(found)["queue"]["heldByOthers"] == {GPU: 4.0}
    assert as_json(found)["seconds"] == 600


def test_quota_that_others_have_borrowed_can_be_taken_back() -> None:
    queues = [cluster_queue("vision", 4, 0), cluster_queue("speech", 4, 8)]
    found = explain(facts(workload("digits", 2), queues=queues))
    assert reason(found) == Reason.QUOTA
    assert dict(lines(found))["preemption"] == "4 GPUs of the team's quota can be taken back from other teams"


@pytest.mark.parametrize(
    ("held_by", "own", "expected"),
    [(10, 0, Reason.PRIORITY), (0, 0, Reason.QUOTA), (-10, 0, Reason.QUOTA), (10, 10, Reason.QUOTA)],
)
def test_only_a_higher_priority_is_the_cause(held_by: int, own: int, expected: Reason) -> None:
    waiting, running = workload("digits", 2, priority=own), workload("big", 4, priority=held_by, admitted=30)
    assert reason(explain(facts(waiting, running))) == expected


def test_lower_priorities_may_be_stopped() -> None:
    found = explain(facts(workload("digits", 2), workload("big", 4, priority=-10, admitted=30)))
    assert dict(lines(found))["preemption"] == "jobs of the team with a lower priority hold 4 GPUs, which is enough"


def test_more_than_the_limit_allows_is_not_a_matter_of_time() -> None:
    queues = [cluster_queue("vision", 4, 0, limit=2), cluster_queue("speech", 4, 0)]
    found = explain(facts(workload("digits", 7), queues=queues))
    assert reason(found) == Reason.TOO_LARGE
    assert found.cause is not None
    assert found.cause.message.endswith("never use more than 6 GPUs: its quota is 4 GPUs, and it may borrow 2")


def test_what_failed_to_start_is_tried_again_later() -> None:
    again = (NOW + timedelta(minutes=2)).isoformat()
    queues = [cluster_queue("vision", 4, 0), cluster_queue("speech", 4, 0)]
    found = explain(facts(workload("digits", 2, requeueState={"requeueAt": again}), queues=queues))
    assert reason(found) == Reason.BACK_OFF
    assert found.cause is not None
    assert found.cause.message.endswith("it is tried again at 12:02:00 UTC")


def test_a_stopped_workload_says_so() -> None:
    stopped = workload("digits", 2)
    stopped["spec"]["active"] = False
    found = explain(facts(stopped))
    assert reason(found) == Reason.QUEUE_STOPPED
    assert dict(lines(found))["position"].startswith("none")


def test_what_the_platform_has_stopped_says_why_and_how_to_start_it_again() -> None:
    stopped = workload("digits", 2)
    stopped["spec"]["active"] = False
    stopped["metadata"]["annotations"] = {STOPPED_ANNOTATION: "idle GPUs"}
    found = explain(facts(stopped))
    assert (found.state, reason(found)) == ("stopped", Reason.SUSPENDED)
    assert found.cause is not None
    assert found.cause.message == "the platform has stopped it: idle GPUs"
    assert found.cause.fix.startswith("`make run JOB=digits")


OF_BIG = {"app.kubernetes.io/name": "big"}


def ended(minutes: int) -> Any:
    return {
        **job(f"big-{minutes}", labels=OF_BIG, suspend=False),
        "status": {
            "startTime": at(500),
            "completionTime": (NOW - timedelta(minutes=500 - minutes)).isoformat(),
            "conditions": [{"type": "Complete", "status": "True"}],
        },
    }


@pytest.mark.parametrize(
    ("earlier", "timeout", "said"),
    [
        ([40, 50, 60], 7200, "about in 0:20:00, by the earlier runs of the jobs that hold it"),
        ([10], 7200, "about in 0:00:00, by the earlier runs of the jobs that hold it"),
        ([], 7200, "at the latest in 1:30:00, by the timeouts of the jobs that hold it"),
        ([], None, None),
    ],
)
def test_the_estimate_is_by_earlier_runs_or_else_by_timeouts(
    earlier: list[int], timeout: int | None, said: str | None
) -> None:
    deadline = {"activeDeadlineSeconds": timeout} if timeout else {}
    running = job("big", labels=OF_BIG, suspend=False, **deadline)
    found = explain(facts(workload("digits", 2), workload("big", 4, admitted=30), jobs=[running, *map(ended, earlier)]))
    assert dict(lines(found)).get("starts") == said


def test_there_is_no_estimate_behind_others_or_where_other_teams_hold_it() -> None:
    running = job("big", labels=OF_BIG, suspend=False, activeDeadlineSeconds=7200)
    behind = explain(
        facts(workload("digits", 2), workload("first", 2, created=20), workload("big", 4, admitted=1), jobs=[running])
    )
    assert behind.queue is not None
    assert behind.queue.position == 2
    assert behind.estimate is None
    queues = [cluster_queue("vision", 4, 0), cluster_queue("speech", 4, 8)]
    assert explain(facts(workload("digits", 2), queues=queues)).estimate is None


def node(name: str, gpus: int, **spec: Any) -> dict[str, Any]:
    allocatable = {"cpu": "64", "memory": "256Gi", "pods": "110", GPU: str(gpus)}
    metadata = {"name": name, "labels": POOL}
    return {"metadata": metadata, "spec": spec, "status": {"allocatable": allocatable}}


def on(node_name: str, gpus: int) -> dict[str, Any]:
    return {"metadata": {"uid": f"on-{node_name}"}, "spec": {**pod_spec(gpus), "nodeName": node_name}}


def unscheduled(message: str = "0/2 nodes are available", gpus: int = 2) -> dict[str, Any]:
    condition = {"type": "PodScheduled", "status": "False", "message": message}
    return {
        "metadata": {"uid": "pod", "creationTimestamp": at(5)},
        "spec": pod_spec(gpus),
        "status": {"phase": "Pending", "conditions": [condition]},
    }


def on_nodes(nodes: list[Any] | None, scheduled: list[Any], pools: Pools | None = None, **pod: Any) -> Explanation:
    run = job(suspend=False)
    return explain(
        Facts(
            JOB,
            run,
            NOW,
            pods=[unscheduled(**pod)],
            nodes=nodes,
            scheduled=scheduled,
            pools=pools or Pools({"h100": 2}),
        )
    )


@pytest.mark.parametrize(
    ("nodes", "scheduled", "pools", "expected"),
    [
        ([node("a", 4), node("b", 4)], [on("a", 3), on("b", 3)], None, Reason.FRAGMENTATION),
        ([node("a", 4), node("b", 4)], [on("a", 4), on("b", 3)], None, Reason.POOL_MAXIMUM),
        ([node("a", 4)], [on("a", 4)], Pools({"h100": 2}, elastic=True), Reason.NODE_STARTS),
        ([], [], Pools({"h100": 2}, elastic=True), Reason.NODE_STARTS),
        ([], [], None, Reason.NO_SUCH_NODE),
        ([node("a", 1)], [], Pools({"h100": 1}, elastic=True), Reason.NO_SUCH_NODE),
        ([node("a", 4, taints=[{"key": "gone", "effect": "NoExecute"}])], [], None, Reason.TAINT),
        ([node("a", 4)], [], None, Reason.SCHEDULER),
        (None, [], None, Reason.SCHEDULER),
    ],
)
def test_what_a_pod_waits_for_without_a_node(
    nodes: list[Any] | None, scheduled: list[Any], pools: Pools | None, expected: Reason
) -> None:
    found = on_nodes(nodes, scheduled, pools)
    assert reason(found) == expected
    assert found.state == "pending"
    assert found.seconds == 300


def test_what_is_free_is_said_by_pool() -> None:
    found = on_nodes([node("a", 4), node("b", 4)], [on("a", 3), on("b", 4)])
    assert dict(lines(found))["free"] == "1 GPU, 126 CPUs, 510Gi memory on the nodes of pool h100"


def test_a_volume_that_no_node_reaches_is_not_about_room() -> None:
    said = "0/2 nodes are available: 2 node(s) had volume node affinity conflict."
    assert reason(on_nodes([node("a", 4)], [], message=said)) == Reason.VOLUME


def starting(**status: Any) -> Explanation:
    pod = {
        "metadata": {"uid": "pod", "creationTimestamp": at(5)},
        "spec": {"nodeName": "a"},
        "status": {"phase": "Pending", **status},
    }
    return explain(Facts(JOB, job(suspend=False), NOW, pods=[pod]))


def waiting(name: str, message: str = "") -> list[dict[str, Any]]:
    return [{"name": "main", "image": "registry/digits", "state": {"waiting": {"reason": name, "message": message}}}]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"containerStatuses": waiting("ImagePullBackOff")}, Reason.IMAGE_PULL),
        ({"initContainerStatuses": waiting("ErrImagePull")}, Reason.IMAGE_PULL),
        ({"containerStatuses": waiting("CreateContainerConfigError", 'secret "x" not found')}, Reason.DEPENDENCY),
        ({"initContainerStatuses": [{"name": "wait", "state": {"running": {}}}]}, Reason.DEPENDENCY),
        ({"containerStatuses": waiting("ContainerCreating")}, Reason.STARTING),
    ],
)
def test_what_a_pod_on_a_node_waits_for(status: dict[str, Any], expected: Reason) -> None:
    assert reason(starting(**status)) == expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ('MountVolume.SetUp failed for volume "x" : secret "digits-key" not found', Reason.DEPENDENCY),
        ("AttachVolume.Attach failed: the volume is in use", Reason.VOLUME),
    ],
)
def test_a_mount_that_fails(message: str, expected: Reason) -> None:
    pod = {"metadata": {"uid": "pod", "creationTimestamp": at(5)}, "spec": {}, "status": {"phase": "Pending"}}
    event = {"reason": "FailedMount", "message": message, "involvedObject": {"uid": "pod"}, "lastTimestamp": at(1)}
    found = explain(Facts(JOB, job(suspend=False), NOW, pods=[pod], events=[event]))
    assert reason(found) == expected


def test_the_pods_of_a_gang_are_counted_together() -> None:
    template = {"spec": {"template": {"spec": pod_spec(2)}}}
    run = {
        **job(suspend=False),
        "spec": {"replicatedJobs": [{"replicas": 1, "template": template}, {"replicas": 3, "template": template}]},
    }
    found = explain(Facts(JOB_SET, run, NOW))
    assert amounts.text(found.needs) == "8 GPUs, 4 CPUs, 4Gi memory, 4 pods"
    assert reason(found) == Reason.STARTING


def test_a_run_that_has_ended_waits_for_nothing() -> None:
    done = {**job(), "status": {"conditions": [{"type": "Failed", "status": "True", "lastTransitionTime": at(2)}]}}
    found = explain(Facts(JOB, done, NOW))
    assert (found.state, found.seconds, found.cause) == ("failed", 120, None)
    assert as_json(found)["reason"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--kubeconfig", "me"], "LOGIN does nothing without JOB"),
        (["--job", "digits", "--wait"], "HTML and WAIT do nothing beside JOB"),
        (["--job", "digits", "--html", "page.html"], "HTML and WAIT do nothing beside JOB"),
        (["--job", ""], "which job?"),
    ],
)
def test_a_setting_that_would_do_nothing_is_refused(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(["status", *arguments]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.users_files
@pytest.mark.parametrize(("code", "hint"), [(401, "make kubeconfig"), (500, "")])
def test_a_query_that_the_cluster_refuses_is_one_line(monkeypatch: pytest.MonkeyPatch, code: int, hint: str) -> None:
    def refuse(*_: Any) -> None:
        raise ApiException(status=code, reason="No")

    monkeypatch.setattr(command, "client_of_file", lambda file: (None, "context"))
    monkeypatch.setattr(command, "explanations", refuse)
    with pytest.raises(CommandError) as refused:
        command.show("dev", "digits", Path("me"), json_only=False)
    assert refused.value.why == f"{code}: No"
    assert hint in (refused.value.hint or "")

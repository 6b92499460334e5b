"""Gang scheduling: what Kueue has admitted, and what it lets wait."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cli.conformance.report import Evidence, Outcome, judged
from cli.conformance.stack import Cluster, Stack, holds, unready
from cli.objects import Object, Objects, is_true
from infra.catalogue.names import JOB_LABEL, queues_namespace
from infra.queues.quotas import cluster_queue

KUEUE = "/apis/kueue.x-k8s.io/v1beta2"
_POD_LABELS: Mapping[str, str] = {"Job": JOB_LABEL, "JobSet": "jobset.sigs.k8s.io/jobset-name"}
_ENDED = ("Succeeded", "Failed")


def gang_scheduling(stack: Stack, cluster: Cluster) -> Outcome:
    """Queues are active, and no job of several pods has some of them: all are admitted, or none exists."""
    if stack.declared.queues is None:
        return Outcome("not shown", "the stack declares no queues, so that Kueue is not installed")
    objects = cluster.objects
    inactive = list(inactive_queues(stack, objects))
    problems = [*unready(objects, queues_namespace(stack.platform)), *inactive]
    gangs = [each for team in stack.declared.teams for each in _gangs(objects, team)]
    broken = [*map(_partial, gangs), *(_early(objects, each) for each in gangs)]
    problems += filter(None, broken)
    queued = ", ".join(queued_teams(stack))
    evidence = [
        Evidence(f"GET {KUEUE}/clusterqueues, localqueues", "; ".join(inactive) or f"active: {queued}"),
        Evidence(
            f"GET {KUEUE}/workloads and their pods", "; ".join(map(_described, gangs)) or "no job of several pods"
        ),
    ]
    shown = any(is_true(each, "Admitted") for each in gangs) and any(not is_true(each, "Admitted") for each in gangs)
    seen = "" if shown else _missing(gangs)
    return judged(problems, evidence, not_shown=seen)


def _missing(gangs: Sequence[Object]) -> str:
    if not gangs:
        return "no job of several pods is in a queue; submit one and run this again"
    if is_true(gangs[0], "Admitted"):
        return "every job of several pods is admitted: none was seen to wait as a whole"
    return "no job of several pods is admitted: none was seen to start as a whole"


def queued_teams(stack: Stack) -> list[str]:
    """Teams without a quota have no queue."""
    return [team for team, settings in stack.declared.teams.items() if settings.quota is not None]


def inactive_queues(stack: Stack, objects: Objects) -> Iterator[str]:
    """Queues that Kueue does not serve."""
    for team in queued_teams(stack):
        name = cluster_queue(stack.platform, team)
        if not holds(objects.get(f"{KUEUE}/clusterqueues/{name}") or {}, "Active"):
            yield f"ClusterQueue {name} is not active"
        if not holds(objects.get(f"{KUEUE}/namespaces/{team}/localqueues/{team}") or {}, "Active"):
            yield f"LocalQueue {team}/{team} is not active"


def _gangs(objects: Objects, team: str) -> Iterator[Object]:
    """Unfinished ones."""
    for each in objects.listed(f"{KUEUE}/namespaces/{team}/workloads"):
        if _asked(each) > 1 and not is_true(each, "Finished") and each["spec"].get("active", True):
            yield each


def _asked(workload: Object) -> int:
    """Pods that it needs; those that have succeeded are none of them."""
    done = sum(int(each["count"]) for each in workload.get("status", {}).get("reclaimablePods") or [])
    return sum(int(each.get("count", 1)) for each in workload["spec"]["podSets"]) - done


def _assigned(workload: Object) -> int:
    admission = workload.get("status", {}).get("admission") or {}
    return sum(int(each.get("count", 1)) for each in admission.get("podSetAssignments", []))


def _partial(workload: Object) -> str:
    if not is_true(workload, "Admitted") or _assigned(workload) >= _asked(workload):
        return ""
    return f"Workload {_name(workload)} is admitted with {_assigned(workload)} of {_asked(workload)} pods"


def _early(objects: Objects, workload: Object) -> str:
    """Pods of one that is not admitted; those that are being deleted were evicted."""
    if is_true(workload, "Admitted"):
        return ""
    owner = next(
        (each for each in workload["metadata"].get("ownerReferences", []) if each["kind"] in _POD_LABELS), None
    )
    if owner is None:
        return ""
    selector = f"{_POD_LABELS[owner['kind']]}={owner['name']}"
    pods = objects.listed(f"/api/v1/namespaces/{workload['metadata']['namespace']}/pods", labelSelector=selector)
    alive = [pod for pod in pods if pod.get("status", {}).get("phase") not in _ENDED and not _is_deleted(pod)]
    return f"Workload {_name(workload)} is not admitted, and has {len(alive)} pods" if alive else ""


def _is_deleted(pod: Object) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def _described(workload: Object) -> str:
    if is_true(workload, "Admitted"):
        return f"{_name(workload)}: {_assigned(workload)} of {_asked(workload)} pods admitted"
    return f"{_name(workload)}: waits for all {_asked(workload)} pods"


def _name(workload: Object) -> str:
    return f"{workload['metadata']['namespace']}/{workload['metadata']['name']}"

"""Nodes, pods and Workloads as the platform makes them, as far as the scheduler and Kueue look at them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from typing import Any

from cli.capacity.demand import Endpoint, Runs
from cli.capacity.nodes import PoolNodes
from cli.capacity.scenario import Scenario
from cli.objects import Object
from cli.queues import JOB_UID
from infra.catalogue.names import POOL_LABEL, QUEUE_LABEL
from infra.declaration.model import Platform
from infra.declaration.pool_nodes import GPU
from infra.declaration.queues import namespace_quota
from infra.declaration.types import parse_taint
from infra.foundation import Placement, Toleration
from infra.foundation.node_labels import node_taints, pool_labels
from infra.queues.quotas import API
from infra.tenancy.priorities import VALUES, WAITS
from infra.tenancy.quota import hard_limits
from infra.workloads.kind import Request

WORKLOAD, RUN = "plan/workload", "plan/run"
"""Labels."""
_LONGEST = 50
UNSCHEDULED = "unscheduled"
"""The scheduler name of pods whose nodes are not simulated: no scheduler has it."""
QUOTA = "team"
COUNTED = {"cpu": "requests.cpu", "memory": "requests.memory", GPU: f"requests.{GPU}", "pods": "pods"}
"""What a ResourceQuota limits, by what a pod asks for."""
_READY = {"type": "Ready", "status": "True", "reason": "KubeletReady"}
_HOSTNAME, _ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"


def label(workload: str) -> str:
    """Of the name of a workload, such as `serving-digits`, with room for a suffix: a label has 63 characters."""
    name = workload.replace("/", "-")
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 9]}-{sha256(name.encode()).hexdigest()[:8]}"


def nodes(platform: Platform, pools: Mapping[str, PoolNodes], scenario: Scenario) -> Iterator[Object]:
    """All that are there for sure, ready and empty."""
    for name, found in pools.items():
        settings = platform.node_pools[name]
        cpu, memory, gpus, pods = found.certain.node
        offered = {"cpu": f"{cpu}m", "memory": str(memory), "pods": str(pods), **({GPU: str(gpus)} if gpus else {})}
        taints = [asdict(each) for each in node_taints(name, settings)]
        taints += [_taint(each) for each in scenario.taints.get(name, ()) if _taint(each) not in taints]
        for number in range(len(found.certain.free)):
            node = f"{name}-{number}"
            yield {
                "metadata": {"name": node, "labels": {**pool_labels(name, settings), _HOSTNAME: node}},
                "spec": {"taints": taints},
                "status": {"capacity": offered, "allocatable": offered, "conditions": [_READY]},
            }


def priorities() -> Iterator[Object]:
    """The PriorityClasses of pods."""
    for purpose, value in VALUES.items():
        policy = "Never" if purpose in WAITS else "PreemptLowerPriority"
        yield {"metadata": {"name": purpose}, "value": value, "preemptionPolicy": policy}


def endpoint_pod(platform: Platform, endpoint: Endpoint, number: int) -> Object:
    """One replica; replicas of an endpoint are spread as the platform does it."""
    name = label(endpoint.name)
    labels = {WORKLOAD: name}
    spread = [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": labels},
        }
        for key in (_HOSTNAME, _ZONE)
    ]
    spec = {**pod_spec(platform, endpoint.request, "serving"), "topologySpreadConstraints": spread}
    return {"metadata": {"name": f"{name}-{number}", "namespace": endpoint.team, "labels": labels}, "spec": spec}


def run_pods(platform: Platform, runs: Runs, run: str) -> list[Object]:
    """All pods of one run, by its name."""
    spec = pod_spec(platform, runs.request, "training")
    labels = {WORKLOAD: label(runs.name), RUN: run}
    return [
        {"metadata": {"name": f"{run}-{rank}", "namespace": runs.team, "labels": labels}, "spec": spec}
        for rank in range(runs.request.pods)
    ]


def pod_spec(platform: Platform, asked: Request, purpose: str) -> dict[str, Any]:
    """It ends at once when it is deleted."""
    amounts = {"cpu": asked.resources.cpu, "memory": asked.resources.memory}
    if asked.gpus:
        amounts[GPU] = str(asked.gpus)
    where: dict[str, Any] = {"schedulerName": UNSCHEDULED}
    if asked.pool is not None:
        at = placement(platform, asked.pool)
        where = {"nodeSelector": at.node_selector, "tolerations": [_tolerated(each) for each in at.tolerations]}
    return {
        **where,
        "priorityClassName": purpose,
        "restartPolicy": "Never" if purpose == "training" else "Always",
        "terminationGracePeriodSeconds": 0,
        "containers": [{"name": "main", "image": "simulated", "resources": {"requests": amounts, "limits": amounts}}],
    }


def workload(platform: Platform, runs: Runs, run: str) -> Object:
    """What Kueue makes of a Job or JobSet of a team's queue."""
    owner = {"apiVersion": "plan/v1", "kind": "Run", "name": runs.name, "uid": run}
    template = {"spec": pod_spec(platform, runs.request, "training")}
    return {
        "apiVersion": API,
        "kind": "Workload",
        "metadata": {
            "name": run,
            "namespace": runs.team,
            "labels": {JOB_UID: run, WORKLOAD: label(runs.name)},
            "ownerReferences": [owner],
        },
        "spec": {
            "queueName": runs.team,
            "priority": runs.priority,
            "podSets": [{"name": "main", "count": runs.request.pods, "template": template}],
        },
    }


def quota(platform: Platform, team: str) -> Object:
    """A team's ResourceQuota, of what pods ask for."""
    declared = namespace_quota(platform, team)
    assert declared is not None
    limits = {name: amount for name, amount in hard_limits(declared).items() if name in COUNTED.values()}
    status = {"hard": limits, "used": dict.fromkeys(limits, "0")}
    return {"metadata": {"name": QUOTA, "namespace": team}, "spec": {"hard": limits}, "status": status}


def placement(platform: Platform, pool: str) -> Placement:
    """Where pods run that name a pool."""
    return Placement(pool, {POOL_LABEL: pool}, node_taints(pool, platform.node_pools[pool]), simulated=True)


def job(runs: Runs, run: str) -> Object:
    """As much of it as an explanation of why it waits reads."""
    return {
        "metadata": {"name": run, "namespace": runs.team, "uid": run, "labels": {QUEUE_LABEL: runs.team}},
        "spec": {"suspend": True},
    }


def _taint(text: str) -> dict[str, str]:
    return dict(zip(("key", "value", "effect"), parse_taint(text), strict=True))


def _tolerated(taint: Toleration) -> dict[str, Any]:
    return {**asdict(taint), "operator": "Exists" if taint.value is None else "Equal"}


def names_of(runs: Runs) -> Sequence[str]:
    """Of its single runs."""
    return [f"{runs.name.replace('/', '-')}-{number}" for number in range(runs.count)]

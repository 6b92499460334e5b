"""What queues divide: flavors of resources, priorities, and a ClusterQueue for each team, all in one cohort.

A team's quota of CPU and memory is the same on all nodes, so it has one flavor; GPUs have one for each pool. Kueue
takes the flavor that fits the node selector of a job, and gives a job without one that of a pool with room.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from infra.catalogue.names import PROJECT, labels
from infra.declaration.pool_nodes import GPU
from infra.declaration.queues import UNDECLARED, Queues, Share
from infra.declaration.types import cpu_millis, memory_bytes
from infra.foundation import Placement, Toleration
from infra.workloads.definitions import Manifest
from infra.workloads.queue import priority_class

API = "kueue.x-k8s.io/v1beta2"
FLAVOR, CLUSTER_QUEUE = "ResourceFlavor", "ClusterQueue"
_KIB = 2**10


@dataclass(frozen=True)
class QuotasArgs:
    """All objects are cluster-scoped; the name of the `platform`'s namespace is part of theirs."""

    platform: str
    settings: Queues
    shares: Mapping[str, Share]
    """By team."""
    pools: Mapping[str, Placement]
    """Those that have GPUs."""


class Quotas(pulumi.ComponentResource):
    """Each team's quota. They exist before the namespaces of the teams, and so until all of their jobs are deleted."""

    def __init__(self, name: str, args: QuotasArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:Quotas", name, None, opts)
        flavors: list[pulumi.Resource] = []
        for manifest in manifests(args):
            after = flavors if manifest["kind"] == CLUSTER_QUEUE else None
            made = Manifest(
                manifest["metadata"]["name"], manifest, pulumi.ResourceOptions(parent=self, depends_on=after)
            )
            if manifest["kind"] == FLAVOR:
                flavors.append(made)
        self.register_outputs({})


def manifests(args: QuotasArgs) -> Iterator[dict[str, Any]]:
    """Priorities, then flavors, then the queues that name them."""
    for priority, value in {UNDECLARED: 0, **args.settings.priorities}.items():
        yield _manifest("WorkloadPriorityClass", priority_class(args.platform, priority), {"value": value})
    # CPU and memory are the same on all nodes.
    yield _manifest(FLAVOR, args.platform, {"spec": {}})
    for pool, at in args.pools.items():
        yield _manifest(FLAVOR, _flavor(args, pool), {"spec": _nodes(at)})
    for team, share in args.shares.items():
        yield _manifest(CLUSTER_QUEUE, cluster_queue(args.platform, team), {"spec": _queue(args, team, share)})


def _queue(args: QuotasArgs, team: str, share: Share) -> dict[str, Any]:
    return {
        "cohortName": args.platform,
        "queueingStrategy": "BestEffortFIFO",
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": team}},
        "preemption": args.settings.preemption.model_dump(mode="json", by_alias=True),
        "resourceGroups": list(_groups(args, share)),
    }


def _groups(args: QuotasArgs, share: Share) -> list[dict[str, Any]]:
    nominal, limit = share.nominal, share.limit
    anywhere = [
        _quota("cpu", f"{nominal.cpu}m", None if limit.cpu is None else f"{cpu_millis(limit.cpu)}m"),
        _quota("memory", _kib(nominal.memory), None if limit.memory is None else _kib(memory_bytes(limit.memory))),
        # The ResourceQuota of the namespace limits them, too, and no team lends it any.
        _quota("pods", str(nominal.pods), "0"),
    ]
    gpus = None if limit.gpus is None else str(limit.gpus)
    of_pools = {_flavor(args, pool): [_quota(GPU, str(nominal.gpus.get(pool, 0)), gpus)] for pool in args.pools}
    return [_group(flavors) for flavors in ({args.platform: anywhere}, of_pools) if flavors]


def _flavor(args: QuotasArgs, pool: str) -> str:
    return f"{args.platform}-{pool}"


def _manifest(kind: str, name: str, content: Mapping[str, Any]) -> dict[str, Any]:
    return {"apiVersion": API, "kind": kind, "metadata": {"name": name, "labels": labels(name, "queues")}, **content}


def cluster_queue(platform: str, team: str) -> str:
    """The name of a team's ClusterQueue."""
    return f"{platform}-{team}"


def _group(flavors: Mapping[str, list[dict[str, str]]]) -> dict[str, Any]:
    covered = [each["name"] for each in next(iter(flavors.values()))]
    entries = [{"name": flavor, "resources": quotas} for flavor, quotas in flavors.items()]
    return {"coveredResources": covered, "flavors": entries}


def _nodes(placement: Placement) -> dict[str, Any]:
    return {
        "nodeLabels": dict(placement.node_selector),
        "tolerations": [_tolerated(taint) for taint in placement.tolerations],
    }


def _tolerated(taint: Toleration) -> dict[str, str]:
    value = {"operator": "Exists"} if taint.value is None else {"operator": "Equal", "value": taint.value}
    return {"key": taint.key, **value, "effect": taint.effect}


def _quota(resource: str, nominal: str, borrowing: str | None) -> dict[str, str]:
    limit = {} if borrowing is None else {"borrowingLimit": borrowing}
    return {"name": resource, "nominalQuota": nominal, **limit}


def _kib(size: int) -> str:
    return f"{size // _KIB}Ki"

"""Why no node takes a pod: the scheduler's reason, and what is free where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from cli.objects import Object, condition
from cli.waiting.amounts import Amounts, first, lacking, of_pod, one, parsed, plain, text, total
from cli.waiting.cause import Cause, Reason, some
from cli.waiting.cluster import Facts, Pools
from cli.waiting.selection import UNSCHEDULABLE, selects, untolerated
from infra.catalogue.names import POOL_LABEL

_VOLUMES = ("persistentvolumeclaim", "volume")
_NAMED = 3


@dataclass(frozen=True)
class Node:
    name: str
    pool: str
    allocatable: Amounts
    free: Amounts
    keeps_away: Sequence[str]
    """Taints that the pod does not tolerate."""


@dataclass(frozen=True)
class Places:
    """The nodes that a pod's labels allow."""

    wanted: Amounts
    nodes: Sequence[Node]

    @property
    def open(self) -> list[Node]:
        """Those whose taints it tolerates."""
        return [each for each in self.nodes if not each.keeps_away]

    @property
    def large_enough(self) -> list[Node]:
        return [each for each in self.open if not lacking(self.wanted, each.allocatable)]

    @property
    def free(self) -> dict[str, Decimal]:
        return total(each.free for each in self.open)


def unscheduled(pod: Object) -> str | None:
    """The scheduler's message about a pod that has no node; None if it has one, or the scheduler has not looked yet."""
    found = condition(pod, "PodScheduled")
    return str(found.get("message") or found.get("reason") or "") if found.get("status") == "False" else None


def places(pod: Object, facts: Facts) -> Places | None:
    """Where the pod may run; None if this login may not list nodes and pods."""
    if facts.nodes is None or facts.scheduled is None:
        return None
    used: dict[str, list[Amounts]] = {}
    for each in facts.scheduled:
        used.setdefault(each["spec"]["nodeName"], []).append(of_pod(each["spec"]))
    spec = pod["spec"]
    allowed = [each for each in facts.nodes if selects(spec, _labels(each))]
    return Places(of_pod(spec), [_node(each, spec, used.get(each["metadata"]["name"], [])) for each in allowed])


def cause(pod: Object, said: str, found: Places | None, facts: Facts) -> Cause:
    """`said` is the scheduler's message."""
    if any(word in said.lower() for word in _VOLUMES):
        return Cause(Reason.VOLUME, said, f"kubectl get pvc,pv -n {facts.namespace}")
    if found is None:
        return Cause(Reason.SCHEDULER, said)
    return no_room(pod, found, facts.pools) or Cause(Reason.SCHEDULER, said)


def no_room(pod: Object, found: Places, pools: Pools) -> Cause | None:
    """Why none of these nodes takes the pod; None if one has room."""
    return _no_node(pod, found, pools) or _full(found, pools)


def _no_node(pod: Object, found: Places, pools: Pools) -> Cause | None:
    """No node could take the pod, even if all of them were empty."""
    pool = (pod["spec"].get("nodeSelector") or {}).get(POOL_LABEL, "")
    if not found.large_enough and _may_grow(pool, found, pools):
        return Cause(Reason.NODE_STARTS, f"pool {pool} has {len(found.nodes)} nodes; another one has to start")
    if not found.nodes:
        asked = ", ".join(f"{key}={value}" for key, value in (pod["spec"].get("nodeSelector") or {}).items())
        return Cause(Reason.NO_SUCH_NODE, f"no node has the labels that it asks for: {asked}", "correct its pool")
    if not found.open:
        taints = sorted({taint for each in found.nodes for taint in each.keeps_away})
        uncordon = f"kubectl uncordon {found.nodes[0].name}" if any(UNSCHEDULABLE in each for each in taints) else ""
        message = (
            f"all {len(found.nodes)} nodes that it asks for have taints it does not tolerate: {some(taints, _NAMED)}"
        )
        return Cause(Reason.TAINT, message, uncordon or "remove the taint, or tolerate it")
    if not found.large_enough:
        best = max(found.open, key=lambda each: tuple(each.allocatable.get(name, Decimal(0)) for name in found.wanted))
        short = lacking(found.wanted, best.allocatable)
        has = ", ".join(one(name, best.allocatable.get(name, Decimal(0))) for name in sorted(short))
        message = f"no node is large enough: a pod needs {text(found.wanted)}, and node {best.name} has {has} in all"
        return Cause(Reason.NO_SUCH_NODE, message, "ask for less, or for another pool")
    return None


def _full(found: Places, pools: Pools) -> Cause | None:
    """Every node that could take the pod is too full now."""
    if any(not lacking(found.wanted, each.free) for each in found.large_enough):
        return None
    short = lacking(found.wanted, found.free)
    pool = found.large_enough[0].pool
    if not short:
        scarce = _scarce(found)
        best = max(each.free.get(scarce, Decimal(0)) for each in found.open)
        return Cause(
            Reason.FRAGMENTATION,
            f"a pod needs {one(scarce, found.wanted[scarce])}, and {plain(found.free[scarce])} are free, but at most "
            f"{plain(best)} on one node",
            "wait for a job on one of the nodes to end, or ask for smaller pods",
        )
    scarce = first(short)
    room = f"a pod needs {one(scarce, found.wanted[scarce])}, and {plain(found.free.get(scarce, Decimal(0)))} are free"
    if _may_grow(pool, found, pools):
        return Cause(Reason.NODE_STARTS, f"{room}; another node of pool {pool} has to start")
    most = pools.max.get(pool)
    if most is not None and len(found.nodes) >= most:
        message = f"{room} on the {len(found.nodes)} nodes of pool {pool}, which is its maximum"
        return Cause(Reason.POOL_MAXIMUM, message, f"wait, or raise nodePools.{pool}.max")
    return Cause(Reason.SCHEDULER, f"{room} on {len(found.open)} nodes", "wait for a job to end")


def _may_grow(pool: str, found: Places, pools: Pools) -> bool:
    return pools.elastic and len(found.nodes) < pools.max.get(pool, 0)


def _scarce(found: Places) -> str:
    """A resource that no node has enough of, GPUs first."""
    short = [lacking(found.wanted, each.free) for each in found.large_enough]
    return first({name for each in short for name in each})


def _node(found: Object, spec: Object, used: Sequence[Amounts]) -> Node:
    allocatable = parsed(found.get("status", {}).get("allocatable"))
    in_use = total(used)
    free = {name: amount - in_use.get(name, Decimal(0)) for name, amount in allocatable.items()}
    taints = untolerated(spec, found["spec"].get("taints") or [])
    labels = _labels(found)
    return Node(found["metadata"]["name"], labels.get(POOL_LABEL, ""), allocatable, free, taints)


def _labels(node: Object) -> Mapping[str, str]:
    labels: Mapping[str, str] = node["metadata"].get("labels") or {}
    return labels

"""The nodes that a plan needs at rest and at most, and what they cost."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from cli.components import SYSTEM_POOL, pool_component
from cli.cost.items import Item
from cli.cost.resources import Step
from infra.catalogue.aws.instance_types import instance_type
from infra.catalogue.names import POOL_LABEL
from infra.declaration.aws.allocatable import allocatable_cpu, allocatable_memory
from infra.declaration.aws.cost import PoolCost, pool_costs, system_pool_cost
from infra.declaration.aws.pools import RESERVED_CAPACITY
from infra.declaration.aws.settings import AwsFoundation
from infra.declaration.model import Platform
from infra.declaration.pool_nodes import GPU
from infra.declaration.types import cpu_millis, memory_bytes

_HOSTNAME = "kubernetes.io/hostname"


@dataclass(frozen=True)
class _Pods:
    """The pods of one Deployment or StatefulSet, which always run."""

    pool: str | None
    replicas: int
    cpu: int
    memory: int
    gpus: int
    spread: bool


def _running(steps: Iterable[Step]) -> Iterator[_Pods]:
    for step in steps:
        if step["type"] not in ("kubernetes:apps/v1:Deployment", "kubernetes:apps/v1:StatefulSet"):
            continue
        spec = step["inputs"]["spec"]
        pod = spec["template"]["spec"]
        asked = [container.get("resources", {}).get("requests") or {} for container in pod["containers"]]
        keys = [each.get("topologyKey") for each in pod.get("topologySpreadConstraints") or []]
        yield _Pods(
            (pod.get("nodeSelector") or {}).get(POOL_LABEL),
            int(spec.get("replicas") or 1),
            sum(cpu_millis(str(each.get("cpu", "0"))) for each in asked),
            sum(memory_bytes(each["memory"]) for each in asked if "memory" in each),
            sum(int(each.get(GPU, 0)) for each in asked),
            _HOSTNAME in keys,
        )


def _nodes_for(pods: Sequence[_Pods], cpu: int, memory: int, gpus: int) -> int:
    """How many nodes of a size the pods need: by their requests, and one for each replica that is spread over nodes."""
    needs = [
        math.ceil(sum(each.replicas * getattr(each, resource) for each in pods) / size) if size else 0
        for resource, size in (("cpu", cpu), ("memory", memory), ("gpus", gpus))
    ]
    return max([*needs, *(each.replicas for each in pods if each.spread)], default=0)


def node_items(platform: Platform, aws: AwsFoundation, steps: Sequence[Step]) -> Iterator[Item]:
    """The nodes of each pool, with their disks."""
    by_pool: dict[str | None, list[_Pods]] = defaultdict(list)
    for pods in _running(steps):
        by_pool[pods.pool].append(pods)
    machines = [instance_type(name) for name in aws.system_pool.instance_types]
    logs = platform.collects_logs
    cpu = min(allocatable_cpu(machine, logs=logs) for machine in machines)
    memory = min(allocatable_memory(machine, efa=False, logs=logs) for machine in machines) * 2**20
    least = max(1, _nodes_for(by_pool[None], cpu, memory, 0))
    yield _pool_item(SYSTEM_POOL, system_pool_cost(aws, least))
    for pool in pool_costs(platform.node_pools, aws):
        node = platform.node_pools[pool.name]
        size = cpu_millis(node.instance.cpu), memory_bytes(node.instance.memory), node.gpu.count if node.gpu else 0
        yield _pool_item(pool_component(pool.name), pool, _nodes_for(by_pool[pool.name], *size))


def _pool_item(name: str, pool: PoolCost, needed: int = 0) -> Item:
    least = min(max(pool.min, needed), pool.max)
    nodes = f"{least} to {pool.max}" if least < pool.max else f"{least}"
    return Item(
        name,
        f"{nodes} x {' or '.join(pool.types)}",
        1,
        pool.at_rest(least),
        pool.at_most(),
        [*pool.prices, pool.disk_of_a_month] if pool.prices else [],
    )


def notes(platform: Platform) -> list[str]:
    """In what the cost of a pool's nodes differs from the one that is counted."""
    return [
        f"pool {name} is priced on demand; {note}"
        for name, pool in platform.node_pools.items()
        for note in (_notes(pool.aws.capacity) if pool.aws else ())
    ]


def _notes(capacity: Collection[str]) -> Iterator[str]:
    if "spot" in capacity:
        yield "spot costs less"
    uncounted = "" if RESERVED_CAPACITY.issuperset(capacity) else ", which is not counted beside other capacity"
    if "reserved" in capacity:
        yield f"a capacity reservation costs as much, also without nodes{uncounted}"
    if "capacityBlock" in capacity:
        yield f"a capacity block has its own price, which is paid in advance, also without nodes{uncounted}"

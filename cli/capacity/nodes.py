"""The nodes of each pool: what is free while pods are put on them, and whether more could fit than is certain.

What is certain: nodes of the declared size, with pods spread as the scheduler does it. What is possible: the largest
instance type of a pool, with pods packed in the best way. Between the two, arithmetic can't tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from cli.capacity.bounds import always_room, can_hold
from cli.capacity.scenario import Scenario, lost_nodes, zones
from cli.waiting.amounts import text
from cli.waiting.cause import Cause, Reason
from cli.waiting.cluster import Pools
from cli.waiting.on_nodes import Node as FreeNode
from cli.waiting.on_nodes import Places, no_room
from cli.waiting.selection import untolerated
from infra.catalogue.aws.instance_types import instance_type
from infra.catalogue.names import POOL_LABEL
from infra.catalogue.node_agents import DEVICE_PLUGIN, GPU_EXPORTER, LOG_COLLECTOR, NODE_EXPORTER
from infra.declaration.aws.allocatable import allocatable_cpu, allocatable_memory
from infra.declaration.model import Platform
from infra.declaration.node_room import Node, NodeRoom, amounts, node_of
from infra.declaration.pool_nodes import GPU
from infra.declaration.pools import NodePool
from infra.declaration.types import cpu_millis, memory_bytes, parse_taint
from infra.workloads.kind import Request

_RESOURCES = ("cpu", "memory", GPU, "pods")
DEPENDS = Cause(Reason.FRAGMENTATION, "it depends on which nodes the scheduler chooses for other pods")
_FULL = ", which is its maximum"
_UNITS = (Decimal(1000), Decimal(1), Decimal(1), Decimal(1))


@dataclass(frozen=True)
class Lost:
    """Nodes that a scenario takes from a pool, and the reason."""

    certain: int = 0
    """Nodes that may be gone."""
    possible: int = 0
    """Nodes that are gone in any case."""
    reason: Reason = Reason.NODES_LOST
    why: str = ""


@dataclass(frozen=True)
class Put:
    """How many pods have room for sure, and how many may have."""

    certain: int
    possible: int
    cause: Cause | None = None
    """Why not all of them are certain."""


@dataclass
class PoolNodes:
    """Of one pool, while pods are put on its nodes."""

    name: str
    certain: NodeRoom
    """Nodes that are there for sure, of the smallest size that they may have."""
    largest: Node
    possible: int
    """Nodes that there may be."""
    lost: Lost
    taints: Sequence[str] = ()
    """Those that no pod tolerates."""
    pods: dict[Node, int] = field(default_factory=dict)
    """Those that are put for sure, by their size."""
    maybe: dict[Node, int] = field(default_factory=dict)
    """Those that there may be besides."""
    _failed: set[tuple[Node, int]] = field(default_factory=set)
    _causes: dict[Node, Cause] = field(default_factory=dict)
    """By the size of the first pod that had no room."""

    def put(self, asked: Request, pods: int, *, together: bool) -> Put:
        """So many pods; if they run `together`, all or none."""
        size = amounts(asked)
        placed = self._placed(asked, pods, together=together)
        if placed == pods:
            self.pods[size] = self.pods.get(size, 0) + placed
            return Put(placed, pods)
        most = max(placed, self.most(asked, pods))
        possible = 0 if together and most < pods else most
        cause = DEPENDS if self.maybe and possible else self._why(asked)
        if together:
            self._failed.add((size, pods))
        self.pods[size] = self.pods.get(size, 0) + placed
        if possible > placed:
            self.maybe[size] = self.maybe.get(size, 0) + possible - placed
        return Put(placed, possible, cause)

    def most(self, asked: Request, pods: int) -> int:
        """Of so many pods, how many nothing forbids beside those that are put for sure."""
        size, least, most = amounts(asked), 0, 0 if self.taints else pods
        while least < most:
            middle = -(-(least + most) // 2) if least else most
            beside = {**self.pods, size: self.pods.get(size, 0) + middle}
            if can_hold(beside, self.largest, self.possible):
                least = middle
            else:
                most = middle - 1
        return least

    def _placed(self, asked: Request, pods: int, *, together: bool) -> int:
        """How many have room for sure."""
        size = amounts(asked)
        if self.taints or (together and (size, pods) in self._failed):
            return 0
        if self.maybe and not self._always_room(size, pods):
            return 0
        saved = self.certain.saved() if together and pods > 1 else None
        placed = self.certain.spread(asked, pods)
        if placed == pods or not together:
            return placed
        self._why(asked)
        if saved is not None:
            self.certain.restore(saved)
        return 0

    @property
    def used(self) -> dict[str, int]:
        """What pods for sure request, by resource, in the units of the declaration."""
        totals = (sum(size[index] * count for size, count in self.pods.items()) for index in range(len(_RESOURCES)))
        return dict(zip(_RESOURCES, totals, strict=True))

    @property
    def nodes_in_use(self) -> int:
        return sum(tuple(free) != self.certain.node for free in self.certain.free)

    def _always_room(self, size: Node, pods: int) -> bool:
        """Whether it does not matter which pods there are, and where."""
        sizes = {*self.pods, *self.maybe}
        every = {each: self.pods.get(each, 0) + self.maybe.get(each, 0) for each in sizes}
        return always_room(every, size, pods, self.certain.node, len(self.certain.free))

    def _why(self, asked: Request) -> Cause:
        """Of the first pod of its size that had no room."""
        size = amounts(asked)
        if size not in self._causes:
            self._causes[size] = self._cause(asked)
        return self._causes[size]

    def _cause(self, asked: Request) -> Cause:
        if all_lost := self.all_lost:
            return all_lost
        pools = Pools({self.name: len(self.certain.free)})
        found = no_room({"spec": {"nodeSelector": {POOL_LABEL: self.name}}}, self._places(asked), pools)
        if found is None:
            return Cause(Reason.POOL_MAXIMUM, f"pool {self.name} has no room for all pods at its maximum")
        return self.with_loss(found)

    @property
    def all_lost(self) -> Cause | None:
        """None if a node is left."""
        if self.certain.free or not self.lost.certain:
            return None
        return Cause(self.lost.reason, f"pool {self.name} has no node: {self.lost.why}")

    def with_loss(self, found: Cause) -> Cause:
        """The nodes that a scenario takes away are the reason where there is too little room."""
        if self.lost.certain and found.reason in (Reason.POOL_MAXIMUM, Reason.FRAGMENTATION):
            return Cause(self.lost.reason, f"{self.lost.why}; {found.message.removesuffix(_FULL)}")
        return found

    def _places(self, asked: Request) -> Places:
        taints = [dict(zip(("key", "value", "effect"), parse_taint(each), strict=True)) for each in self.taints]
        away, size = untolerated({}, taints), in_units(self.certain.node)
        nodes = [
            FreeNode(f"{self.name}-{number}", self.name, size, in_units(free), away)
            for number, free in enumerate(self.certain.free)
        ]
        return Places(in_units(amounts(asked)), nodes)


def in_units(size: Sequence[int]) -> dict[str, Decimal]:
    """In the units of Kubernetes."""
    return {name: Decimal(each) / unit for name, each, unit in zip(_RESOURCES, size, _UNITS, strict=True)}


def shape(name: str, platform: Platform) -> str:
    """One node of a pool, such as `7 CPUs, 28Gi memory (m7i.2xlarge or m6i.2xlarge)`."""
    pool = platform.node_pools[name]
    size = {resource: amount for resource, amount in in_units(node_of(pool)).items() if resource != "pods"}
    types = f" ({' or '.join(pool.aws.instance_types)})" if pool.aws else ""
    return f"{text(size)}{types}"


def pool_nodes(platform: Platform, scenario: Scenario) -> dict[str, PoolNodes]:
    """Empty nodes of all pools, by their names."""
    found = {}
    for name, pool in platform.node_pools.items():
        lost = _lost(name, platform, scenario)
        room = NodeRoom(pool, max(0, pool.max - lost.certain), _daemon_sets(platform, pool))
        largest, taints = _largest(pool, platform), _added(name, platform, scenario)
        found[name] = PoolNodes(name, room, largest, max(0, pool.max - lost.possible), lost, taints)
    return found


def _daemon_sets(platform: Platform, pool: NodePool) -> Node:
    """What the platform's agents may take of a declared node. On AWS, the declared size is without them, and simulated
    nodes have none; in a cluster that exists it may be all that is allocatable.
    """
    if platform.foundation.cluster is None:
        return 0, 0, 0, 0
    agents = [
        *([NODE_EXPORTER] if platform.monitoring else []),
        *([GPU_EXPORTER] if platform.monitoring and pool.gpu else []),
        *([LOG_COLLECTOR] if platform.collects_logs else []),
        *([DEVICE_PLUGIN] if pool.device_plugin else []),
    ]
    cpu, memory = (cpu_millis(each["cpu"]) for each in agents), (memory_bytes(each["memory"]) for each in agents)
    return sum(cpu), sum(memory), 0, len(agents)


def _largest(pool: NodePool, platform: Platform) -> Node:
    """The largest node that may be started; elsewhere than on AWS, nodes are as declared."""
    cpu, memory, gpus, pods = node_of(pool)
    if pool.aws is None:
        return cpu, memory, gpus, pods
    logs, efa = platform.collects_logs, pool.aws.efa
    machines = [instance_type(name) for name in pool.aws.instance_types]
    return (
        max(cpu, *(allocatable_cpu(machine, logs=logs) for machine in machines)),
        max(memory, *(allocatable_memory(machine, efa=efa, logs=logs) * 2**20 for machine in machines)),
        gpus,
        pods,
    )


def _lost(name: str, platform: Platform, scenario: Scenario) -> Lost:
    """Nodes of a lost zone may start in another one, if the pool has others and there is capacity."""
    most = platform.node_pools[name].max
    if name in scenario.lost.nodes:
        number = lost_nodes(scenario.lost.nodes[name], most)
        return Lost(number, number, Reason.NODES_LOST, f"{number} of {most} nodes of pool {name} are lost")
    gone = [zone for zone in zones(platform, name) if zone in scenario.lost.zones]
    if scenario.lost.zones and not zones(platform, name):
        return Lost(most, 0, Reason.ZONE_LOST, f"the stack does not say in which zones pool {name} has its nodes")
    if not gone:
        return Lost()
    there = len(zones(platform, name))
    if len(gone) == there:
        return Lost(most, most, Reason.ZONE_LOST, f"all zones of pool {name} are lost ({', '.join(gone)})")
    part = -(-most * len(gone) // there)
    return Lost(part, 0, Reason.ZONE_LOST, f"pool {name} loses about {part} of {most} nodes with {', '.join(gone)}")


def _added(name: str, platform: Platform, scenario: Scenario) -> list[str]:
    """Taints that keep the pool's pods away; they tolerate the declared ones."""
    declared = [parse_taint(taint) for taint in platform.node_pools[name].taints]
    known = {"tolerations": [{"key": key, "value": value, "effect": effect} for key, value, effect in declared]}
    added = [parse_taint(taint) for taint in scenario.taints.get(name, ())]
    return untolerated(known, [{"key": key, "value": value, "effect": effect} for key, value, effect in added])

"""The nodes of a planned stack: how many each pool has, what they cost, and whose pods cause it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from infra.catalogue.aws.instance_types import instance_type
from infra.cost.amounts import SIZES, Amounts, Size, at_each
from infra.cost.idle import Idle
from infra.cost.items import SYSTEM_POOL, Item, pool_component
from infra.cost.packing import nodes_for
from infra.cost.pods import Node, Pods
from infra.cost.spot import Spot
from infra.declaration.aws.allocatable import allocatable_cpu, allocatable_memory
from infra.declaration.aws.cost import PoolCost, pool_costs, system_pool_cost
from infra.declaration.aws.settings import AwsFoundation
from infra.declaration.model import Platform
from infra.declaration.types import cpu_millis, memory_bytes


@dataclass(frozen=True)
class Pool:
    """A pool with the pods that run in it."""

    component: str
    cost: PoolCost
    node: Node
    pods: Sequence[Pods]
    usual: Decimal | None = None
    """Nodes, if the declaration says so."""

    @property
    def nodes(self) -> Amounts:
        """At each size."""
        least, usual = (self._bounded(self._in_use(size)) for size in SIZES[:2])
        return Amounts(least, usual, Decimal(self.cost.max))

    @property
    def dollars(self) -> Amounts:
        """A month, with disks and the fee of Auto Mode."""
        nodes = self.nodes
        return Amounts(self.cost.at_rest(nodes.minimum), self.cost.at_rest(nodes.usual), self.cost.at_most())

    @property
    def idle(self) -> Idle | None:
        """None if it has no node without pods."""
        paid = self.cost.max if self.cost.reserved else self.cost.min
        if not paid or self.component == SYSTEM_POOL:
            return None
        machines = at_each(lambda size: max(Decimal(), paid - self._in_use(size)))
        dollars = at_each(lambda size: self.cost.idle(machines.at(size)))
        return Idle(self.cost.name, paid, self.cost.reserved, machines, dollars)

    @property
    def spot(self) -> Spot | None:
        """None if it has none, or no spot price is known."""
        found = self.cost.spot
        if found is None:
            return None
        nodes = self.nodes
        lowest = at_each(lambda size: self.cost.on_spot(nodes.at(size))[0])
        highest = at_each(lambda size: self.cost.on_spot(nodes.at(size))[1])
        return Spot(self.cost.name, lowest, highest, found.region, found.date)

    def teams(self) -> dict[str, Amounts]:
        """The dollars of each team whose pods run in it."""
        return {
            team: self._of_team(team) for team in sorted({pods.team for pods in self.pods if pods.team is not None})
        }

    def _of_team(self, team: str) -> Amounts:
        dollars = self.dollars
        return at_each(lambda size: dollars.at(size) * self._part(team, size))

    def _part(self, team: str, size: Size) -> Decimal:
        """Of the requests of all pods at a size; while there are none, of their requests at the maximum."""
        weights = self._weights(size)
        if not sum(weights.values()):
            weights = self._weights("maximum")
        whole = sum(weights.values(), start=Decimal())
        return weights[team] / whole if whole else Decimal()

    def _weights(self, size: Size) -> Mapping[str | None, Decimal]:
        found: dict[str | None, Decimal] = defaultdict(Decimal)
        for pods in self.pods:
            found[pods.team] += pods.on_average(size) * pods.of_node(self.node)
        return found

    def _in_use(self, size: Size) -> Decimal:
        """Nodes with pods, on average. Usually, each job has its nodes for itself."""
        if size != "usual":
            return Decimal(nodes_for(self.pods, self.node, size))
        if self.usual is not None:
            return self.usual
        lasting = [pods for pods in self.pods if pods.part == 1]
        jobs = sum((pods.part * nodes_for([pods], self.node, size) for pods in self.pods if pods.part < 1), Decimal())
        return nodes_for(lasting, self.node, size) + jobs

    def _bounded(self, nodes: Decimal) -> Decimal:
        return min(max(nodes, Decimal(self.cost.min)), Decimal(self.cost.max))


def pools(platform: Platform, aws: AwsFoundation, every: Iterable[Pods]) -> Iterator[Pool]:
    """The system pool, then the declared ones."""
    by_pool: dict[str | None, list[Pods]] = defaultdict(list)
    for pods in every:
        by_pool[pods.pool].append(pods)
    yield Pool(SYSTEM_POOL, system_pool_cost(aws), _system_node(platform, aws), by_pool[None])
    for cost in pool_costs(platform.node_pools, aws):
        pool = platform.node_pools[cost.name]
        gpus = pool.gpu.count if pool.gpu else 0
        node = Node(cpu_millis(pool.instance.cpu), memory_bytes(pool.instance.memory), gpus)
        declared = pool.aws.usual_nodes if pool.aws else None
        usual = None if declared is None else Decimal(str(declared))
        yield Pool(pool_component(cost.name), cost, node, by_pool[cost.name], usual)


def _system_node(platform: Platform, aws: AwsFoundation) -> Node:
    """The smallest that it may have."""
    machines = [instance_type(name) for name in aws.system_pool.instance_types]
    logs = platform.collects_logs
    cpu = min(allocatable_cpu(machine, logs=logs) for machine in machines)
    return Node(cpu, min(allocatable_memory(machine, efa=False, logs=logs) for machine in machines) * 2**20)


def item(pool: Pool) -> Item:
    """What is billed for its nodes."""
    cost, least = pool.cost, pool.nodes.minimum
    nodes = f"{least} to {cost.max}" if least < cost.max else f"{least}"
    prices = [*cost.prices, cost.disk_of_a_month] if cost.prices else []
    return Item(pool.component, f"{nodes} x {' or '.join(cost.types)}", 1, pool.dollars, prices, pool.teams())

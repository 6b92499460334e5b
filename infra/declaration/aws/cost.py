"""What the declared nodes cost, at on-demand list prices.

Spot costs less; by how much is not known beforehand. So on-demand prices are the ceiling, and a range by former spot
prices is shown beside them. A capacity reservation costs the on-demand price of its machines, whether or not nodes run
on them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from infra.catalogue.aws.instance_types import InstanceType, instance_types
from infra.catalogue.aws.prices import AUTO_MODE, HOURS, Price, SpotPrice, instance_price, service_price, spot_price
from infra.declaration.aws.pools import RESERVED_CAPACITY
from infra.declaration.aws.settings import AwsFoundation
from infra.declaration.policy import Limits
from infra.declaration.pools import NodePool
from infra.declaration.problems import Problem
from infra.declaration.types import memory_bytes


@dataclass(frozen=True)
class PoolCost:
    """Nodes of one pool: each has any of the instance types, so that its price lies between two."""

    name: str
    types: Sequence[str]
    region: str
    max: int
    min: int
    disk: str
    reserved: bool = False
    """Whether all its capacity is reserved, which is paid for all nodes at its maximum."""
    on_spot_market: bool = False

    @property
    def prices(self) -> list[Price]:
        """The known ones, of an hour of EC2 alone."""
        found = (instance_price(name, self.region) for name in self.types)
        return [price for price in found if price is not None]

    @property
    def cheapest(self) -> Decimal:
        """An hour of a node with the fee of Auto Mode, without its disk; 0 if no price is known."""
        return min((self._with_fee(price) for price in self.prices), default=Decimal())

    @property
    def most_expensive(self) -> Decimal:
        return max((self._with_fee(price) for price in self.prices), default=Decimal())

    @property
    def unused(self) -> Decimal:
        """An hour of a reserved machine without a node, and so without the fee."""
        return min((price.dollars for price in self.prices), default=Decimal())

    @property
    def disk_of_a_month(self) -> Price:
        """The disk of one node, which is billed by the month."""
        gigabyte = service_price("gp3-gigabyte", self.region)
        dollars = gigabyte.dollars * memory_bytes(self.disk) / 2**30
        return Price(dollars, gigabyte.region, gigabyte.date)

    @property
    def spot(self) -> SpotPrice | None:
        """The range over all its types; None if it is not on the spot market, or no price is known."""
        known = (
            [price for name in self.types if (price := spot_price(name, self.region))] if self.on_spot_market else []
        )
        if not known:
            return None
        lowest, highest = min(price.lowest for price in known), max(price.highest for price in known)
        regions = " and ".join(dict.fromkeys(price.region for price in known))
        return SpotPrice(lowest, highest, regions, min(price.date for price in known))

    def at_rest(self, nodes: Decimal | int) -> Decimal:
        """Dollars a month for so many nodes, each of the cheapest type, and for reserved machines without a node."""
        unused = (self.max - nodes) * self.unused * HOURS if self.reserved else Decimal()
        return self._of_a_month(nodes, self.cheapest) + unused

    def at_most(self) -> Decimal:
        """Dollars a month for all nodes, each of the most expensive type."""
        return self._of_a_month(self.max, self.most_expensive)

    def on_spot(self, nodes: Decimal) -> tuple[Decimal, Decimal]:
        """Dollars a month at the lowest and the highest spot price, if it has one, with the fee of on demand."""
        spot, fees = self.spot, [price.dollars * AUTO_MODE for price in self.prices]
        if spot is None or not fees:
            return Decimal(), Decimal()
        return self._of_a_month(nodes, spot.lowest + min(fees)), self._of_a_month(nodes, spot.highest + max(fees))

    def idle(self, machines: Decimal) -> Decimal:
        """Dollars a month for so many machines without pods: with a node, or reserved without one."""
        return self._of_a_month(machines, self.cheapest) if self.min else machines * self.unused * HOURS

    def _of_a_month(self, nodes: Decimal | int, hour: Decimal) -> Decimal:
        return nodes * (hour * HOURS + self.disk_of_a_month.dollars)

    def _with_fee(self, price: Price) -> Decimal:
        return price.dollars * (1 + AUTO_MODE)


def pool_costs(pools: Mapping[str, NodePool], aws: AwsFoundation) -> Iterator[PoolCost]:
    """The declared pools."""
    for name, pool in pools.items():
        if (ec2 := pool.aws) is not None:
            reserved = RESERVED_CAPACITY.issuperset(ec2.capacity)
            spot = "spot" in ec2.capacity
            yield PoolCost(name, ec2.instance_types, aws.region, pool.max, pool.min, ec2.disk, reserved, spot)


def system_pool_cost(aws: AwsFoundation, least: int = 1) -> PoolCost:
    """The system pool, whose pods need at least so many nodes."""
    system = aws.system_pool
    return PoolCost("system", system.instance_types, aws.region, system.max, min(least, system.max), system.disk)


def highest_cost(pools: Mapping[str, NodePool], aws: AwsFoundation) -> Decimal:
    """Dollars an hour with all pools, and the system pool, at their maximum size, each node of its most expensive type.

    Types without a known price are left out.
    """
    every = [system_pool_cost(aws), *pool_costs(pools, aws)]
    return sum((pool.max * pool.most_expensive for pool in every), start=Decimal())


def cost_within_the_limit(limits: Limits, pools: Mapping[str, NodePool], aws: AwsFoundation) -> Iterator[Problem]:
    """The policy pack has the same rule."""
    if (cost := highest_cost(pools, aws)) > limits.hourly_cost:
        message = (
            f"the node pools and the system pool may cost ${cost:.2f} an hour, more than ${limits.hourly_cost:.2f}"
        )
        yield Problem("limits.hourlyCost", f"{message}; declare fewer or cheaper nodes, or raise the limit")
    types = {name for pool in (system_pool_cost(aws), *pool_costs(pools, aws)) for name in pool.types}
    for name in sorted(types):
        if _is_usable(instance_types().get(name)) and instance_price(name, aws.region) is None:
            message = f"the price of {name} is unknown (infra/catalogue/aws/prices.json)"
            yield Problem("limits.hourlyCost", f"{message}; write another instance type, or add its price")


def _is_usable(machine: InstanceType | None) -> bool:
    """Other types are refused by themselves."""
    return machine is not None and machine.known and machine.arch == "x86_64"

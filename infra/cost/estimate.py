"""The cost of a plan: of its resources by their type, and of the pools' nodes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, date, datetime

from infra.cost.items import Cost, merged
from infra.cost.nodes import Pool, item, pools
from infra.cost.pods import Step, pods
from infra.cost.resources import Naming, billed_by_use, resource_items
from infra.declaration.aws.pools import RESERVED_CAPACITY, Ec2Pool
from infra.declaration.model import Platform

_GOES = ("delete", "delete-replaced", "discard")


def monthly(
    platform: Platform, steps: Sequence[Step], component: Naming = lambda step: "", today: date | None = None
) -> Cost | None:
    """The cost of a plan; None on foundations other than AWS, where nothing is bought."""
    aws = platform.foundation.aws
    if aws is None:
        return None
    kept = [step for step in steps if step["operation"] not in _GOES]
    nodes = list(pools(platform, aws, pods(platform, kept)))
    items = [*resource_items(platform, aws, kept, component, today or datetime.now(UTC).date()), *map(item, nodes)]
    prices = [price for each in items for price in each.prices]
    return Cost(
        aws.region,
        merged(items),
        [pool.idle for pool in nodes if pool.idle is not None],
        [pool.spot for pool in nodes if pool.spot is not None],
        billed_by_use(kept),
        sorted({each.what for each in items if any(price.region != aws.region for price in each.prices)}),
        sorted({each.what for each in items if not each.prices}),
        [note for pool in nodes for note in _notes(pool, platform)],
        [min(price.date for price in prices), max(price.date for price in prices)] if prices else [],
    )


def _notes(pool: Pool, platform: Platform) -> Iterator[str]:
    """In what the cost of its nodes differs from the one that is counted, and what of it is idle."""
    declared = platform.node_pools.get(pool.cost.name)
    if declared is None or declared.aws is None:
        return
    if pool.spot is not None:
        yield str(pool.spot)
    for note in _of_capacity(declared.aws, priced=pool.spot is not None):
        yield f"pool {pool.cost.name} is priced on demand; {note}"
    if pool.idle is not None and pool.idle.machines.usual:
        yield str(pool.idle)


def _of_capacity(ec2: Ec2Pool, *, priced: bool) -> Iterator[str]:
    capacity: Collection[str] = ec2.capacity
    if "spot" in capacity and not priced:
        yield "spot costs less"
    uncounted = "" if RESERVED_CAPACITY.issuperset(capacity) else ", which is not counted beside other capacity"
    if "reserved" in capacity:
        yield f"a capacity reservation costs as much, also without nodes{uncounted}"
    if "capacityBlock" in capacity:
        yield f"a capacity block has its own price, which is paid in advance, also without nodes{uncounted}"

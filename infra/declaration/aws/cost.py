"""The maximum hourly cost of the declared node pools, at on-demand list prices."""

from __future__ import annotations

from collections.abc import Mapping

from infra.catalogue.aws.prices import prices
from infra.declaration.pools import NodePool


def highest_cost(pools: Mapping[str, NodePool]) -> float:
    """US dollars per hour with all pools at their maximum size, each node of its pool's most expensive type.

    Types without a known price are left out.
    """
    return sum(
        pool.max * max((prices()[name] for name in pool.aws.instance_types if name in prices()), default=0)
        for pool in pools.values()
        if pool.aws
    )


def without_price(pools: Mapping[str, NodePool]) -> list[str]:
    """Instance types without a known price."""
    types = {name for pool in pools.values() if pool.aws for name in pool.aws.instance_types}
    return sorted(types - prices().keys())

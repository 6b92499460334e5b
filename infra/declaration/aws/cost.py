"""The highest hourly cost that declared node pools can reach, at list prices."""

from __future__ import annotations

from collections.abc import Mapping

from infra.catalogue.aws.prices import prices
from infra.declaration.pools import NodePool


def highest_cost(pools: Mapping[str, NodePool]) -> float:
    """US dollars an hour with every pool at its maximum, each node of its pool's most expensive type.

    Types without a price are left out.
    """
    return sum(
        pool.max * max((prices()[name] for name in pool.instance.types if name in prices()), default=0)
        for pool in pools.values()
    )


def without_price(pools: Mapping[str, NodePool]) -> list[str]:
    """Instance types whose price is not known."""
    return sorted({name for pool in pools.values() for name in pool.instance.types if name not in prices()})

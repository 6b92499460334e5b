"""What machines cost: AWS's list prices of December 2025, in dollars an hour, on demand, with Linux, in us-east-1.

Other regions are dearer by up to half, spot machines and reserved ones are cheaper: good enough to see a nought too
many, no bill. A type that is missing is added to `prices.json` by hand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from infra.declaration.pools import NodePool

_FILE = Path(__file__).with_name("prices.json")


def highest_cost(pools: Mapping[str, NodePool]) -> float:
    """With as many nodes as there may be, each of its pool's dearest type; what has no price is left out."""
    return sum(
        pool.max * max((prices()[name] for name in pool.instance.types if name in prices()), default=0)
        for pool in pools.values()
    )


def without_price(pools: Mapping[str, NodePool]) -> list[str]:
    """Types of machines of which it is not known what they cost."""
    return sorted({name for pool in pools.values() for name in pool.instance.types if name not in prices()})


@cache
def prices() -> Mapping[str, float]:
    """By type of machine."""
    found: dict[str, float] = json.loads(_FILE.read_text(encoding="utf-8"))
    return found

"""How large a stack may become: a nought too many is refused before anything is bought."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from infra.declaration.pools import NodePool
from infra.declaration.settings import Settings


class Limits(Settings):
    """Ceilings on all node pools together, as if each had as many nodes as it may have. The policy pack keeps them."""

    gpus: int = Field(default=32, ge=0, description="GPUs of all pools, simulated ones included")
    hourly_cost: float = Field(default=200, ge=0, description="In dollars, at the list prices of machines on demand")


def most_gpus(pools: Mapping[str, NodePool]) -> int:
    """Simulated ones count too, so that a declaration means the same everywhere."""
    return sum(pool.max * pool.gpu.count for pool in pools.values() if pool.gpu)

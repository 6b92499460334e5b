"""Limits on the size of a stack: a typo of one zero is refused before anything is bought."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from infra.declaration.pools import NodePool
from infra.declaration.settings import Settings


class Limits(Settings):
    """Limits on the sum of all node pools at their maximum size, enforced by the policy pack."""

    gpus: int = Field(default=32, ge=0, description="GPUs of all pools, including simulated ones")
    hourly_cost: float = Field(default=200, ge=0, description="US dollars per hour at on-demand list prices")


def most_gpus(pools: Mapping[str, NodePool]) -> int:
    """GPUs of all pools at their maximum size, including simulated ones."""
    return sum(pool.max * pool.gpu.count for pool in pools.values() if pool.gpu)

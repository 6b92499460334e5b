"""Labels and taints of a pool's nodes, the same on every foundation."""

from __future__ import annotations

from infra.declaration.pool_nodes import platform_labels, platform_taints
from infra.declaration.pools import NodePool
from infra.declaration.types import parse_taint
from infra.foundation.contract import Toleration


def pool_labels(name: str, pool: NodePool) -> dict[str, str]:
    """The declared labels, and those of the platform."""
    return {**pool.labels, **platform_labels(name, pool)}


def node_taints(name: str, pool: NodePool, *, simulated: bool = False) -> list[Toleration]:
    """Those of the platform, and the declared ones; a node has each once."""
    taints = [parse_taint(taint) for taint in (*platform_taints(name, pool, simulated=simulated), *pool.taints)]
    return [Toleration(*taint) for taint in dict.fromkeys(taints)]

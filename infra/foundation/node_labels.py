"""Labels and taints of a pool's nodes, the same on every foundation."""

from __future__ import annotations

from infra.catalogue.names import POOL_LABEL
from infra.declaration.pools import NodePool
from infra.declaration.types import parse_taint
from infra.foundation.contract import Toleration

GPU = "nvidia.com/gpu"
_GPU_TAINT = Toleration(GPU, "present", "NoSchedule")


def pool_labels(name: str, pool: NodePool) -> dict[str, str]:
    """The declared labels, the pool's name, and GPU labels as set by NVIDIA's GPU feature discovery."""
    gpu = pool.gpu
    gpus = {f"{GPU}.product": gpu.model, f"{GPU}.count": str(gpu.count)} if gpu else {}
    return {**pool.labels, POOL_LABEL: name, **gpus}


def own_taint(name: str) -> Toleration:
    """A taint that only pods tolerate which name the pool."""
    return Toleration(POOL_LABEL, name, "NoSchedule")


def pool_taints(pool: NodePool) -> list[Toleration]:
    """The declared taints, and one on GPU nodes that only pods with GPUs tolerate."""
    declared = [Toleration(*parse_taint(taint)) for taint in pool.taints]
    return [*([_GPU_TAINT] if pool.gpu else []), *declared]

"""What nodes of a pool carry wherever they are, so that pods find them in the same way everywhere."""

from __future__ import annotations

from infra.catalogue.names import POOL_LABEL
from infra.declaration.pools import NodePool
from infra.declaration.types import parse_taint
from infra.foundation.contract import Toleration

GPU = "nvidia.com/gpu"
_GPU_TAINT = Toleration(GPU, "present", "NoSchedule")


def pool_labels(name: str, pool: NodePool) -> dict[str, str]:
    """The declared labels, the pool's name, and the GPUs as NVIDIA's feature discovery would name them."""
    gpu = pool.gpu
    gpus = {f"{GPU}.product": gpu.model, f"{GPU}.count": str(gpu.count)} if gpu else {}
    return {**pool.labels, POOL_LABEL: name, **gpus}


def pool_taints(pool: NodePool) -> list[Toleration]:
    """The declared taints, and one that keeps pods away which need no GPU."""
    declared = [Toleration(*parse_taint(taint)) for taint in pool.taints]
    return [*([_GPU_TAINT] if pool.gpu else []), *declared]

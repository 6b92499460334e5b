"""Whether pods of several workloads fit on the nodes of a pool together."""

from __future__ import annotations

from operator import ge
from typing import TYPE_CHECKING

from infra.declaration.pools import NodePool
from infra.declaration.types import cpu_millis, memory_bytes

if TYPE_CHECKING:
    from infra.workloads.kind import Request


class NodeRoom:
    """What is free on the nodes of a pool at its maximum, while pods are put where the first of them fits."""

    def __init__(self, pool: NodePool) -> None:
        node, gpus = pool.instance, pool.gpu.count if pool.gpu else 0
        self._free = [[cpu_millis(node.cpu), memory_bytes(node.memory), gpus] for _ in range(pool.max)]

    def take(self, asked: Request) -> bool:
        """Put one pod of it on a node; whether one had room."""
        node = self._first(asked)
        if node is None:
            return False
        for index, amount in enumerate(_amounts(asked)):
            node[index] -= amount
        return True

    def has_room(self, asked: Request) -> bool:
        """For one pod of it."""
        return self._first(asked) is not None

    def _first(self, asked: Request) -> list[int] | None:
        wanted = _amounts(asked)
        return next((free for free in self._free if all(map(ge, free, wanted))), None)


def _amounts(asked: Request) -> tuple[int, int, int]:
    """CPU in millicores, memory in bytes, and GPUs of one pod."""
    return cpu_millis(asked.resources.cpu), memory_bytes(asked.resources.memory), asked.gpus

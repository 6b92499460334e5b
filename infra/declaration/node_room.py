"""Whether pods of several workloads fit on the nodes of a pool together."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from operator import ge, sub
from typing import TYPE_CHECKING

from infra.catalogue.node_agents import PODS_OF_A_NODE
from infra.declaration.pools import NodePool
from infra.declaration.types import cpu_millis, memory_bytes

if TYPE_CHECKING:
    from infra.workloads.kind import Request

Node = tuple[int, int, int, int]
"""CPU in millicores, memory in bytes, GPUs and pods of one node, or of one pod."""


class NodeRoom:
    """What is free on the nodes of a pool, at its maximum unless there are fewer `nodes`, each without the `taken`."""

    def __init__(self, pool: NodePool, nodes: int | None = None, taken: Node = (0, 0, 0, 0)) -> None:
        cpu, memory, gpus, pods = map(sub, node_of(pool), taken)
        self.node: Node = cpu, memory, gpus, pods
        self._free = [list(self.node) for _ in range(pool.max if nodes is None else nodes)]

    @property
    def free(self) -> Sequence[Sequence[int]]:
        """Of each node."""
        return self._free

    def take(self, asked: Request) -> bool:
        """Put one pod of it on the first node that has room; whether one had."""
        node = self._first(asked)
        if node is None:
            return False
        _put(amounts(asked), node)
        return True

    def has_room(self, asked: Request) -> bool:
        """For one pod of it."""
        return self._first(asked) is not None

    def spread(self, asked: Request, pods: int) -> int:
        """Put so many pods of it on nodes, each on the one that is least allocated, as the scheduler does by default;
        how many had room.
        """
        wanted = amounts(asked)
        line = [(self._allocated(free), index) for index, free in enumerate(self._free) if _fits(wanted, free)]
        heapq.heapify(line)
        for placed in range(pods):
            if not line:
                return placed
            _, index = heapq.heappop(line)
            _put(wanted, self._free[index])
            if _fits(wanted, self._free[index]):
                heapq.heappush(line, (self._allocated(self._free[index]), index))
        return pods

    def saved(self) -> list[list[int]]:
        """For `restore`."""
        return [list(free) for free in self._free]

    def restore(self, saved: list[list[int]]) -> None:
        """As it was before pods were put."""
        self._free = saved

    def _allocated(self, free: Sequence[int]) -> float:
        """The share of a node's CPU and memory that is requested."""
        return -free[0] / self.node[0] - free[1] / self.node[1]

    def _first(self, asked: Request) -> list[int] | None:
        wanted = amounts(asked)
        return next((free for free in self._free if _fits(wanted, free)), None)


def node_of(pool: NodePool) -> Node:
    """The size of one node."""
    node, gpus = pool.instance, pool.gpu.count if pool.gpu else 0
    return cpu_millis(node.cpu), memory_bytes(node.memory), gpus, PODS_OF_A_NODE


def amounts(asked: Request) -> Node:
    """What one pod of it requests."""
    return cpu_millis(asked.resources.cpu), memory_bytes(asked.resources.memory), asked.gpus, 1


def _fits(wanted: Sequence[int], free: Sequence[int]) -> bool:
    return all(map(ge, free, wanted))


def _put(wanted: Sequence[int], node: list[int]) -> None:
    for index, amount in enumerate(wanted):
        node[index] -= amount

"""How many nodes pods need."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from infra.cost.amounts import Size
from infra.cost.pods import Node, Pods


@dataclass
class _Filling:
    """A node with what is still free."""

    cpu: int
    memory: int
    gpus: int
    spread: set[int] = field(default_factory=set)

    def take(self, pods: Pods, number: int) -> bool:
        """Put one pod of the group `number` on it; whether it had room."""
        full = pods.cpu > self.cpu or pods.memory > self.memory or pods.gpus > self.gpus
        if full or number in self.spread:
            return False
        self.cpu -= pods.cpu
        self.memory -= pods.memory
        self.gpus -= pods.gpus
        if pods.spread:
            self.spread.add(number)
        return True


def nodes_for(groups: Iterable[Pods], node: Node, size: Size) -> int:
    """The largest pods first, each on the first node that has room. Pods that are larger than a node have none."""
    nodes: list[_Filling] = []
    largest_first = sorted(groups, key=lambda pods: pods.of_node(node), reverse=True)
    for number, pods in enumerate(largest_first):
        if pods.of_node(node) > 1 or (pods.gpus and not node.gpus):
            continue
        for _ in range(pods.number(size)):
            if not any(filling.take(pods, number) for filling in nodes):
                nodes.append(_Filling(node.cpu, node.memory, node.gpus))
                nodes[-1].take(pods, number)
    return len(nodes)

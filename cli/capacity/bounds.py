"""How many nodes some pods need at least, however well they are packed."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import ceil

from infra.declaration.node_room import Node

_FINEST = 20
"""Pods of a node, beyond which the sum is exact enough."""


def least_nodes(pods: Mapping[Node, int], node: Node) -> int:
    """For so many pods of each size, by the resource that needs most; each of them fits on an empty node."""
    return max((_least(_sizes(pods, index), capacity) for index, capacity in enumerate(node) if capacity), default=0)


def _sizes(pods: Mapping[Node, int], index: int) -> dict[int, int]:
    found: dict[int, int] = {}
    for amounts, count in pods.items():
        if amounts[index]:
            found[amounts[index]] = found.get(amounts[index], 0) + count
    return found


def _least(sizes: Mapping[int, int], capacity: int) -> int:
    """The best bound by dual feasible functions: sizes are changed so that what fits on one node still does.

    https://doi.org/10.1007/s101070100286 (Fekete and Schepers, 2001), u(k) and U(epsilon).
    """
    steps = {min(_FINEST, capacity // size) for size in sizes} | {1}
    small = {size for size in sizes if 2 * size <= capacity} | {0}
    sums = [
        sum((count * _stepped(size, capacity, step) for size, count in sizes.items()), Fraction()) for step in steps
    ]
    sums += [sum((count * _cut(size, capacity, least) for size, count in sizes.items()), Fraction()) for least in small]
    return max(map(ceil, sums), default=0)


def _stepped(size: int, capacity: int, step: int) -> Fraction:
    parts, rest = divmod((step + 1) * size, capacity)
    return Fraction(parts, step) if rest else Fraction(size, capacity)


def _cut(size: int, capacity: int, least: int) -> Fraction:
    """Sizes below `least` count nothing, and what leaves less than that is a whole node."""
    if size > capacity - least:
        return Fraction(1)
    return Fraction(size, capacity) if size >= least else Fraction()


def can_hold(pods: Mapping[Node, int], node: Node, nodes: int) -> bool:
    """Whether nothing proves that so many nodes are too few."""
    counted = {size: count for size, count in pods.items() if count}
    if any(amount > most for size in counted for amount, most in zip(size, node, strict=True)):
        return False
    return least_nodes(counted, node) <= nodes


def always_room(pods: Mapping[Node, int], size: Node, more: int, node: Node, nodes: int) -> bool:
    """Whether so many more pods have room wherever the others are: a node is full for one only if too little of some
    resource is left, and there are not enough pods to do that to every node.
    """
    total = {**pods, size: pods.get(size, 0) + more - 1}
    full = 0
    for index, wanted in enumerate(size):
        used = sum(each[index] * count for each, count in total.items())
        full += used // max(1, node[index] - wanted + 1) if wanted else 0
    return full < nodes and all(wanted <= most for wanted, most in zip(size, node, strict=True))

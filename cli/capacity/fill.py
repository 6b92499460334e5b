"""How full each pool and each quota gets, by its scarcest resource."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from cli.capacity.nodes import PoolNodes, in_units, shape
from cli.capacity.report import Fill, Limit
from cli.waiting.amounts import Amounts, one
from cli.waiting.quota import Room
from infra.declaration.model import Platform
from infra.declaration.pool_nodes import GPU

_SCARCE = (GPU, "cpu", "memory", "pods")


@dataclass(frozen=True)
class Use:
    """Of the nodes of a pool at their maximum, or of what a scenario leaves of them."""

    used: Amounts
    nodes_in_use: int
    node: Amounts
    nodes: int


def use_of(nodes: PoolNodes) -> Use:
    """By the pods that are put on these nodes."""
    used = in_units(list(nodes.used.values()))
    return Use(used, nodes.nodes_in_use, in_units(nodes.certain.node), len(nodes.certain.free))


def pools(platform: Platform, sizes: Mapping[str, Mapping[str, Use]]) -> list[Limit]:
    """Of each pool, by the use at each of these sizes."""
    return [
        Limit(
            name,
            [_of_pool(size, uses[name]) for size, uses in sizes.items()],
            shape(name, platform),
            next(iter(sizes.values()))[name].nodes,
        )
        for name in platform.node_pools
    ]


def teams(platform: Platform, sizes: Mapping[str, Mapping[str, Sequence[Room]]]) -> list[Limit]:
    """Of teams with a quota: what their runs use of it, borrowed amounts included."""
    return [
        Limit(team, [_of_team(size, rooms[team]) for size, rooms in sizes.items()])
        for team in platform.teams
        if all(team in rooms for rooms in sizes.values())
    ]


def fullest(pools: Sequence[Limit], teams: Sequence[Limit]) -> str:
    """What is closest to its limit at the last size; empty if no pool and no quota is declared."""
    named = {f"pool {each.name}": each.fills[-1] for each in pools}
    named |= {f"the quota of team {each.name}": each.fills[-1] for each in teams}
    if not named:
        return ""
    name, last = max(named.items(), key=lambda each: each[1].percent)
    return f"{name} ({last.used} of {last.limit}, {last.percent} %)"


def _of_pool(size: str, use: Use) -> Fill:
    limits = {name: amount * use.nodes for name, amount in use.node.items()}
    return _scarcest(size, use.used, limits, use.nodes_in_use)


def _of_team(size: str, rooms: Sequence[Room]) -> Fill:
    fills = [
        _scarcest(size, {room.resource: room.used}, {room.resource: room.nominal})
        for room in sorted(rooms, key=lambda each: _SCARCE.index(each.resource))
    ]
    return max(fills, key=lambda each: each.percent)


def _scarcest(size: str, used: Mapping[str, Decimal], limits: Mapping[str, Decimal], nodes: int = 0) -> Fill:
    name = max((each for each in _SCARCE if each in used), key=lambda each: _percent(used[each], limits[each]))
    return Fill(size, one(name, used[name]), one(name, limits[name]), _percent(used[name], limits[name]), nodes)


def _percent(used: Decimal, limit: Decimal) -> int:
    """What is used of nothing is borrowed as a whole."""
    return int(100 * used / limit) if limit else 100 * int(used > 0)

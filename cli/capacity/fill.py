"""How full each pool and each quota gets, by its scarcest resource."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from cli.capacity.fleet import Fleet, State
from cli.capacity.nodes import PoolNodes, in_units, shape
from cli.capacity.report import Fill, Limit
from cli.waiting.amounts import one
from infra.declaration.pool_nodes import GPU

_SCARCE = (GPU, "cpu", "memory", "pods")


def pools(found: Fleet, states: Mapping[str, State]) -> list[Limit]:
    """At each of these sizes, of its nodes at their maximum."""
    return [
        Limit(
            name,
            [_of_pool(size, state.nodes[name]) for size, state in states.items()],
            shape(name, found.platform),
            len(next(iter(states.values())).nodes[name].certain.free),
        )
        for name in found.platform.node_pools
    ]


def teams(found: Fleet, states: Mapping[str, State]) -> list[Limit]:
    """Of teams with a quota: what their runs use of it, borrowed amounts included."""
    return [
        Limit(team, [_of_team(size, state, team) for size, state in states.items()])
        for team in found.platform.teams
        if all(team in state.quotas.shares for state in states.values())
    ]


def fullest(pools: Sequence[Limit], teams: Sequence[Limit]) -> str:
    """What is closest to its limit at the last size; empty if no pool and no quota is declared."""
    named = {f"pool {each.name}": each.fills[-1] for each in pools}
    named |= {f"the quota of team {each.name}": each.fills[-1] for each in teams}
    if not named:
        return ""
    name, last = max(named.items(), key=lambda each: each[1].percent)
    return f"{name} ({last.used} of {last.limit}, {last.percent} %)"


def _of_pool(size: str, nodes: PoolNodes) -> Fill:
    used = in_units(list(nodes.used.values()))
    there = len(nodes.certain.free)
    limits = {name: amount * there for name, amount in in_units(nodes.certain.node).items()}
    return _scarcest(size, used, limits, nodes.nodes_in_use)


def _of_team(size: str, state: State, team: str) -> Fill:
    rooms = [room for pool in (*state.nodes, None) for room in state.quotas.rooms(team, pool)]
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

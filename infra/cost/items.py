"""What a stack is billed for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from infra.catalogue.aws.prices import Price
from infra.catalogue.names import PLATFORM
from infra.cost.amounts import Amounts, total
from infra.cost.idle import Idle
from infra.cost.spot import Spot

SYSTEM_POOL = "system pool"


def pool_component(name: str) -> str:
    """The name of a declared pool's component."""
    return f"pool {name}"


@dataclass(frozen=True)
class Item:
    """Dollars a month of some things of one kind in a component."""

    component: str
    what: str
    count: int
    dollars: Amounts
    prices: Sequence[Price] = ()
    teams: Mapping[str, Amounts] = field(default_factory=dict)
    """The part of each team that causes some of it; the platform pays the rest."""


@dataclass(frozen=True)
class Cost:
    """Of a whole stack, in dollars a month. `stand_ins` are kinds of things that are priced as in another region."""

    region: str
    items: Sequence[Item]
    idle: Sequence[Idle]
    spot: Sequence[Spot]
    by_use: Sequence[str]
    stand_ins: Sequence[str]
    unknown: Sequence[str]
    notes: Sequence[str]
    dates: Sequence[str]

    @property
    def dollars(self) -> Amounts:
        """Of everything."""
        return total(item.dollars for item in self.items)

    def of_component(self, name: str) -> Amounts | None:
        """None if nothing of it has a price."""
        items = [item.dollars for item in self.items if item.component == name]
        return total(items) if items else None

    def of_team(self, name: str) -> Amounts:
        """Its parts of nodes, and its volumes."""
        return total(item.teams.get(name, Amounts()) for item in self.items)

    def by_team(self) -> dict[str, Amounts]:
        """Of each team that costs something, and of the platform the rest."""
        teams = {team: self.of_team(team) for team in sorted({team for item in self.items for team in item.teams})}
        return {**teams, PLATFORM: self.dollars.minus(total(teams.values()))}


def merged(items: Iterable[Item]) -> list[Item]:
    """Those of one kind in one component as one."""
    found: dict[tuple[str, str], Item] = {}
    for item in items:
        key = (item.component, item.what)
        other = found.get(key)
        found[key] = item if other is None else _sum(other, item)
    return list(found.values())


def _sum(one: Item, other: Item) -> Item:
    teams = {
        name: total(each.teams[name] for each in (one, other) if name in each.teams)
        for name in {**one.teams, **other.teams}
    }
    dollars = one.dollars.plus(other.dollars)
    return Item(one.component, one.what, one.count + other.count, dollars, one.prices, teams)

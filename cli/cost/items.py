"""What a stack is billed for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from infra.catalogue.aws.prices import Price


@dataclass(frozen=True)
class Item:
    """Dollars a month of some things of one kind in a component."""

    component: str
    what: str
    count: int
    least: Decimal
    most: Decimal
    prices: Sequence[Price] = ()


@dataclass(frozen=True)
class Cost:
    """Of a whole stack. `stand_ins` are kinds of things that are priced as in another region."""

    region: str
    items: Sequence[Item]
    by_use: Sequence[str]
    stand_ins: Sequence[str]
    unknown: Sequence[str]
    notes: Sequence[str]
    dates: Sequence[str]

    @property
    def least(self) -> Decimal:
        return sum((item.least for item in self.items), start=Decimal())

    @property
    def most(self) -> Decimal:
        return sum((item.most for item in self.items), start=Decimal())

    def of(self, name: str) -> tuple[Decimal, Decimal] | None:
        """Least and most of a component; None if it has no price."""
        items = [item for item in self.items if item.component == name]
        if not items:
            return None
        return sum((item.least for item in items), Decimal()), sum((item.most for item in items), Decimal())

    def as_json(self) -> dict[str, Any]:
        """Dollars to the cent, as texts."""
        names = dict.fromkeys(item.component for item in self.items)
        return {
            "region": self.region,
            "least": f"{self.least:.2f}",
            "most": f"{self.most:.2f}",
            "components": {name: [f"{dollars:.2f}" for dollars in self.of(name) or ()] for name in names},
            "byUse": list(self.by_use),
            "notes": [*self.notes, *self.stand_ins, *self.unknown],
            "dates": list(self.dates),
        }


def merged(items: Iterable[Item]) -> list[Item]:
    """Those of one kind in one component as one."""
    found: dict[tuple[str, str], Item] = {}
    for item in items:
        key = (item.component, item.what)
        other = found.get(key)
        found[key] = item if other is None else _sum(other, item)
    return list(found.values())


def _sum(one: Item, other: Item) -> Item:
    return Item(
        one.component, one.what, one.count + other.count, one.least + other.least, one.most + other.most, one.prices
    )

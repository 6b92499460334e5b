"""Quantities of a stack at each of its sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, get_args

Size = Literal["minimum", "usual", "maximum"]
SIZES: tuple[Size, ...] = get_args(Size)


@dataclass(frozen=True)
class Amounts:
    """Dollars a month, nodes or pods. Minimum: no jobs, and endpoints at their least. Maximum: each pool is full."""

    minimum: Decimal = Decimal()
    usual: Decimal = Decimal()
    maximum: Decimal = Decimal()

    def at(self, size: Size) -> Decimal:
        """That of one size."""
        return {"minimum": self.minimum, "usual": self.usual, "maximum": self.maximum}[size]

    def plus(self, other: Amounts) -> Amounts:
        """The sum at each size."""
        return at_each(lambda size: self.at(size) + other.at(size))

    def minus(self, other: Amounts) -> Amounts:
        """The difference at each size."""
        return at_each(lambda size: self.at(size) - other.at(size))


def at_each(amount: Callable[[Size], Decimal]) -> Amounts:
    """An amount that is computed for each size."""
    return Amounts(*map(amount, SIZES))


def always(amount: Decimal) -> Amounts:
    """The same at each size."""
    return Amounts(amount, amount, amount)


def total(amounts: Iterable[Amounts]) -> Amounts:
    """The sum at each size."""
    found = Amounts()
    for each in amounts:
        found = found.plus(each)
    return found

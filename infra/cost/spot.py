"""What pools cost on the spot market."""

from __future__ import annotations

from dataclasses import dataclass

from infra.cost.amounts import SIZES, Amounts, Size


@dataclass(frozen=True)
class Spot:
    """Of one pool, which is otherwise priced on demand: dollars a month at the lowest and the highest spot prices."""

    pool: str
    lowest: Amounts
    highest: Amounts
    region: str
    """Whose prices these are."""
    date: str

    def __str__(self) -> str:
        usual, most = (self._range(size) for size in SIZES[1:])
        prices = f"spot prices of {self.region} ({self.date})"
        return f"pool {self.pool} is priced on demand; at {prices} it usually costs {usual}, at its maximum {most}"

    def _range(self, size: Size) -> str:
        return f"${self.lowest.at(size):,.2f} to ${self.highest.at(size):,.2f}"

"""What pools cost on the spot market."""

from __future__ import annotations

from dataclasses import dataclass

from infra.cost.amounts import Amounts, Size


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
        usual = f"it usually costs {self._range('usual')}, " if self.highest.usual else ""
        costs = f"{usual}at its maximum {self._range('maximum')}"
        return f"pool {self.pool} is priced on demand; at spot prices of {self.region} ({self.date}) {costs}"

    def _range(self, size: Size) -> str:
        return f"${self.lowest.at(size):,.2f} to ${self.highest.at(size):,.2f}"

"""Whether a plan is within the declared budgets."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from infra.cost.amounts import Amounts
from infra.cost.items import Cost
from infra.declaration.budgets import Budget
from infra.declaration.model import Platform
from infra.declaration.problems import Problem


def exceeded(platform: Platform, cost: Cost) -> Iterator[Problem]:
    """Each budget that the stack or a team exceeds, by its path below the root."""
    if platform.budget is not None:
        yield from _beyond("budget", platform.budget, "the stack", cost.dollars)
    for name, team in platform.teams.items():
        if team.budget is not None:
            yield from _beyond(f"teams.{name}.budget", team.budget, f"team '{name}'", cost.of_team(name))


def _beyond(path: str, budget: Budget, who: str, dollars: Amounts) -> Iterator[Problem]:
    if budget.monthly is not None:
        yield from _more(f"{path}.monthly", f"{who} usually costs", dollars.usual, budget.monthly)
    if budget.monthly_maximum is not None:
        yield from _more(f"{path}.monthlyMaximum", f"{who} may cost", dollars.maximum, budget.monthly_maximum)


def _more(path: str, costs: str, dollars: Decimal, budget: float) -> Iterator[Problem]:
    """Compared as they are shown, to the cent."""
    allowed = Decimal(str(budget))
    more = round(dollars, 2) - allowed
    if more > 0:
        message = f"{costs} ${dollars:,.2f} a month, ${more:,.2f} more than ${allowed:,.2f}"
        yield Problem(path, f"{message}; declare fewer or cheaper nodes or pods")

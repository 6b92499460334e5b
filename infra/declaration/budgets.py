"""Budgets of the stack and of teams, with the rule for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from infra.declaration.problems import Problem
from infra.declaration.types import Settings

if TYPE_CHECKING:
    from infra.declaration.model import Platform


class Budget(Settings):
    """US dollars a month, at the list prices by which `make preview` computes the cost. A plan beyond them violates the
    policy `budgets`. Refused on foundations other than aws, where no price is known.
    """

    monthly: float | None = Field(
        default=None, ge=0, le=1_000_000_000, description="The most that it may cost at the usual size; none: no limit"
    )
    monthly_maximum: float | None = Field(
        default=None,
        ge=0,
        le=1_000_000_000,
        description="The most that it may cost with every pool at its maximum; none: no limit",
    )

    @model_validator(mode="after")
    def _limits_something(self) -> Budget:
        if self.monthly is None and self.monthly_maximum is None:
            raise ValueError("limits nothing; write 'monthly', 'monthlyMaximum' or both, or remove it")
        return self


def budgets_are_of_known_costs(platform: Platform, root: Path) -> Iterator[Problem]:
    """What is not bought from AWS has no price."""
    if platform.foundation.aws is not None:
        return
    of_teams = {f"teams.{name}.budget": team.budget for name, team in platform.teams.items()}
    for path, budget in {"budget": platform.budget, **of_teams}.items():
        if budget is not None:
            yield Problem(path, "only the aws foundation has known prices; remove it")

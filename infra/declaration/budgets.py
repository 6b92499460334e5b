"""Budgets of the stack and of teams. On which foundations there are prices is a rule of the foundations."""

from __future__ import annotations

from pydantic import Field, model_validator

from infra.declaration.types import Settings


class Budget(Settings):
    """US dollars a month, at the list prices by which `make preview` computes the cost. A plan beyond them violates the
    policy `budgets`. Refused on foundations whose prices are not known.
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

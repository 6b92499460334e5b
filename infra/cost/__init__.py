"""What a planned stack on AWS costs, at its minimum, usually and at its maximum, and which budgets it exceeds."""

from infra.cost.budgets import exceeded
from infra.cost.estimate import monthly
from infra.cost.items import Cost, Item
from infra.cost.resources import is_classified

__all__ = ["Cost", "Item", "exceeded", "is_classified", "monthly"]

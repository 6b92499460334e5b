"""What a planned stack on AWS costs a month: at rest, without jobs, and with every pool at its maximum."""

from cli.cost.estimate import monthly
from cli.cost.items import Cost, Item
from cli.cost.resources import is_classified

__all__ = ["Cost", "Item", "is_classified", "monthly"]

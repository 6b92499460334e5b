"""The cost of a planned stack, by the components of the plan, and as JSON."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from cli.components import component
from infra import cost
from infra.catalogue.aws.prices import HOURS
from infra.cost.amounts import SIZES, Amounts
from infra.cost.items import Cost
from infra.declaration.model import Platform


def monthly(platform: Platform, steps: Sequence[Mapping[str, Any]]) -> Cost | None:
    """The cost of a plan; None on foundations other than AWS, where nothing is bought."""
    return cost.monthly(platform, steps, component)


def hourly(dollars: Amounts) -> Amounts:
    """Of dollars a month."""
    return Amounts(dollars.minimum / HOURS, dollars.usual / HOURS, dollars.maximum / HOURS)


def as_json(found: Cost) -> dict[str, Any]:
    """Dollars to the cent, as texts; a month's, where nothing else is said."""
    names = dict.fromkeys(item.component for item in found.items)
    return {
        "region": found.region,
        "monthly": _texts(found.dollars),
        "hourly": _texts(hourly(found.dollars)),
        "components": {name: _texts(found.of_component(name) or Amounts()) for name in names},
        "teams": {name: _texts(dollars) for name, dollars in found.by_team().items()},
        "spot": {each.pool: {"lowest": _texts(each.lowest), "highest": _texts(each.highest)} for each in found.spot},
        "idle": {
            each.pool: {"machines": _numbers(each.machines), "dollars": _texts(each.dollars)} for each in found.idle
        },
        "byUse": list(found.by_use),
        "notes": [*found.notes, *found.stand_ins, *found.unknown],
        "dates": list(found.dates),
    }


def _texts(dollars: Amounts) -> dict[str, str]:
    return {size: f"{dollars.at(size):.2f}" for size in SIZES}


def _numbers(amounts: Amounts) -> dict[str, float]:
    return {size: float(Decimal(amounts.at(size)).quantize(Decimal("0.01"))) for size in SIZES}

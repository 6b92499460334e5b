"""The cost of a plan: of its resources by their type, and of the declared pools' nodes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

from cli.cost.items import Cost, merged
from cli.cost.nodes import node_items, notes
from cli.cost.resources import Step, billed_by_use, resource_items
from infra.declaration.model import Platform


def monthly(platform: Platform, steps: Sequence[Step], today: date | None = None) -> Cost | None:
    """The cost of a plan; None on foundations other than AWS, where nothing is bought."""
    aws = platform.foundation.aws
    if aws is None:
        return None
    kept = [step for step in steps if step["operation"] not in ("delete", "delete-replaced", "discard")]
    items = [*resource_items(aws, kept, today or datetime.now(UTC).date()), *node_items(platform, aws, kept)]
    prices = [price for item in items for price in item.prices]
    return Cost(
        aws.region,
        merged(items),
        billed_by_use(kept),
        sorted({item.what for item in items if any(price.region != aws.region for price in item.prices)}),
        sorted({item.what for item in items if not item.prices}),
        notes(platform),
        [min(price.date for price in prices), max(price.date for price in prices)] if prices else [],
    )

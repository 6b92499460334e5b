"""How a route divides its requests. A Service may be in it twice: `infra.workloads.serving.route` says why."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any


def traffic_split(backends: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Percent of the requests by Service. Backends without a known weight have no part, and neither have pages."""
    weights: Counter[str] = Counter()
    for each in backends:
        if isinstance(each.get("weight"), int):
            weights[str(each.get("name"))] += each["weight"]
    return {name: round(100 * weight / weights.total()) for name, weight in weights.items()} if weights.total() else {}

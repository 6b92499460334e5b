"""Whether a dashboard's panels have anything to show on a Prometheus that lives."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import requests

from infra.observability.dashboards import DASHBOARDS

HOURS = 1
STEP = 15


@dataclass(frozen=True)
class Answer:
    """How many series a query found that have at least one number in them."""

    dashboard: str
    panel: str
    query: str
    series: int


def answers(prometheus: str) -> Iterator[Answer]:
    """Of every query of every panel, asked as the panel asks."""
    for dashboard in DASHBOARDS:
        for panel in dashboard.panels:
            for query in panel.queries.values():
                found = _over_time(prometheus, query) if panel.kind == "lines" else _now(prometheus, query)
                yield Answer(dashboard.title, panel.title, query, sum(map(_has_number, found)))


def _now(prometheus: str, query: str) -> list[list[str]]:
    result = _ask(f"{prometheus}/api/v1/query", {"query": query})
    return [[each["value"][1]] for each in result]


def _over_time(prometheus: str, query: str) -> list[list[str]]:
    end = time.time()
    span = {"start": f"{end - HOURS * 3600:.0f}", "end": f"{end:.0f}", "step": str(STEP)}
    result = _ask(f"{prometheus}/api/v1/query_range", {"query": query, **span})
    return [[value for _, value in each["values"]] for each in result]


def _ask(url: str, params: dict[str, str]) -> list[dict[str, Any]]:
    answer = requests.get(url, params=params, timeout=30)
    assert answer.ok, f"{params['query']}: {answer.text}"
    result: list[dict[str, Any]] = answer.json()["data"]["result"]
    return result


def _has_number(values: list[str]) -> bool:
    return any(math.isfinite(float(value)) for value in values)

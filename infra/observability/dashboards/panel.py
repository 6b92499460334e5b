"""Dashboards and panels as plain data, independent of Grafana's JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["stat", "lines", "bars"]
"""A single current value, time series, several current values as bars."""

Unit = Literal["short", "percent", "percentunit", "bytes", "s", "reqps", "celsius", "watt", "hertz"]
"""Grafana's units; `percentunit` is a ratio, shown as a percentage."""


@dataclass(frozen=True)
class Panel:
    """`queries` are PromQL by legend, where `{{label}}` is the label's value; `about` is the panel's description."""

    title: str
    unit: Unit
    queries: Mapping[str, str]
    about: str
    kind: Kind = "lines"
    whole: float | None = None
    """The maximum of a bar or an axis; None: the largest value."""


@dataclass(frozen=True)
class Dashboard:
    """`uid` is part of its URL in Grafana and must not change."""

    uid: str
    title: str
    about: str
    panels: Sequence[Panel]


def stat(title: str, query: str, about: str, unit: Unit = "short") -> Panel:
    """A panel with a single value."""
    return Panel(title, unit, {title: query}, about, "stat")

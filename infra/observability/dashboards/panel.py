"""What a dashboard consists of, before anybody asks how Grafana writes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["stat", "lines", "bars"]
"""A number now, numbers over time, several numbers now side by side."""

Unit = Literal["short", "percent", "percentunit", "bytes", "s", "reqps", "celsius", "watt", "hertz"]
"""Grafana's names; `percentunit` is a part of 1."""


@dataclass(frozen=True)
class Panel:
    """`queries` are PromQL by what a series is called: `{{label}}` stands for the label's value."""

    title: str
    unit: Unit
    queries: Mapping[str, str]
    about: str
    kind: Kind = "lines"
    whole: float | None = None
    """The value at which a bar or an axis is full; None: the largest one."""


@dataclass(frozen=True)
class Dashboard:
    """`uid` is its address in Grafana and never changes."""

    uid: str
    title: str
    about: str
    panels: Sequence[Panel]


def stat(title: str, query: str, about: str, unit: Unit = "short") -> Panel:
    """One number."""
    return Panel(title, unit, {title: query}, about, "stat")

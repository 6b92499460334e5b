"""What an alert is, before anybody asks how Prometheus writes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from infra.catalogue.names import PLATFORM

Severity = Literal["critical", "warning", "none"]
"""Critical: somebody is to act now; warning: within days; none: nothing is wrong."""

OF_NAMESPACE = "{{ $labels.namespace }}"
"""A team's namespace carries the team's name."""
WHOSE_EVER = '{{ or $labels.namespace "platform" }}'
"""The team whose pod it is, if there is one."""

MINUTE, HOUR = 60, 3600


@dataclass(frozen=True)
class Alert:
    """`after` so many seconds in which `expr` always found something it is said, and until `lasts` seconds after it
    finds it no more; `summary` says of each what."""

    name: str
    expr: str
    summary: str
    after: int
    severity: Severity = "warning"
    team: str = PLATFORM
    lasts: int = 0


@dataclass(frozen=True)
class Recording:
    """A query under a name of its own."""

    name: str
    expr: str
    labels: tuple[tuple[str, str], ...] = ()

"""Alerting and recording rules as plain data, independent of Prometheus's file format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from infra.catalogue.names import PLATFORM

Severity = Literal["critical", "warning", "none"]
"""`critical` needs action now, `warning` within days; `none` is for the heartbeat."""

OF_NAMESPACE = "{{ $labels.namespace }}"
"""The team that owns the namespace: it has the team's name."""
OF_NAMESPACE_OR_PLATFORM = '{{ or $labels.namespace "platform" }}'
"""The team that owns the namespace, or the platform team if the alert has no namespace."""

MINUTE, HOUR, DAY = 60, 3600, 86400

THRESHOLD = "$threshold"
"""The placeholder in an alert's expression that its threshold replaces."""

Unit = Literal["ratio", "percent", "count", "seconds"]
_UPPER: dict[Unit, float] = {"ratio": 1, "percent": 100, "count": 1000, "seconds": DAY}


@dataclass(frozen=True)
class Threshold:
    """The number that an alert's expression compares with; `meaning` says what is compared."""

    default: float
    unit: Unit
    meaning: str

    def allows(self, value: float) -> bool:
        """Whether an alert with this value can both fire and resolve."""
        if self.unit == "count":
            return 1 <= value <= _UPPER["count"] and value == int(value)
        return 0 < value < _UPPER[self.unit]

    @property
    def allowed(self) -> str:
        """The allowed values, for messages and documentation."""
        if self.unit == "count":
            return f"a whole number from 1 to {_UPPER['count']:g}"
        noun = {"ratio": "a ratio", "percent": "a percentage", "seconds": "seconds"}[self.unit]
        return f"{noun} above 0 and below {_UPPER[self.unit]:g}"


@dataclass(frozen=True)
class Alert:
    """A Prometheus alerting rule. `for_` and `keep_firing_for` are in seconds."""

    name: str
    expr: str
    """PromQL; contains `THRESHOLD` if the alert has a threshold."""
    summary: str
    for_: int
    severity: Severity = "warning"
    team: str = PLATFORM
    keep_firing_for: int = 0
    threshold: Threshold | None = None
    configured_by: str = ""
    """The setting that replaces a threshold, such as the endpoint's SLO."""

    def __post_init__(self) -> None:
        if (THRESHOLD in self.expr) != (self.threshold is not None):
            raise ValueError(f"{self.name}: an expression with {THRESHOLD} needs a threshold, and the reverse")

    def query(self, threshold: float | None = None) -> str:
        """The expression with the given threshold, or with the default one."""
        if self.threshold is None:
            return self.expr
        value = self.threshold.default if threshold is None else threshold
        return self.expr.replace(THRESHOLD, f"{value:.10g}")


@dataclass(frozen=True)
class Recording:
    """A recording rule: a query under a metric name of its own."""

    name: str
    expr: str
    labels: tuple[tuple[str, str], ...] = ()

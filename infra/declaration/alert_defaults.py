"""The section of docs/settings.md with the default `for` and `threshold` of each alert."""

from __future__ import annotations

from infra.catalogue.alerts.alert import HOUR, MINUTE, Alert
from infra.catalogue.alerts.table import ALERTS

_HEADER = """### Defaults of alerts

Each alert links to its runbook.

| alert | `for` | `threshold` | what the threshold compares |
|---|---|---|---|
"""


def alert_defaults() -> str:
    """A table of all alerts."""
    return _HEADER + "".join(_row(alert) for alert in ALERTS.values())


def _row(alert: Alert) -> str:
    value, meaning = "-", f"the SLO in `{alert.configured_by}`" if alert.configured_by else "-"
    if alert.threshold is not None:
        value, meaning = f"`{alert.threshold.default:g}`", f"{alert.threshold.meaning}: {alert.threshold.allowed}"
    return f"| [{alert.name}](runbooks/{alert.name}.md) | {_duration(alert.for_)} | {value} | {meaning} |\n"


def _duration(seconds: int) -> str:
    if seconds == 0:
        return "none"
    return f"`{seconds // HOUR}h`" if seconds % HOUR == 0 else f"`{seconds // MINUTE}m`"

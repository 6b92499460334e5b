"""The firing alerts, the most severe first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from status.units import duration

HEARTBEAT = "Watchdog"
"""Always fires. If it is missing, alerts are not evaluated or not delivered."""
_ORDER = ("critical", "warning")


@dataclass(frozen=True)
class Alert:
    name: str
    severity: str
    team: str
    summary: str
    since: str
    runbook: str
    """A URL, or a path in the repository."""

    @property
    def linked(self) -> bool:
        return self.runbook.startswith(("https://", "http://"))


def alerts(found: Sequence[Mapping[str, Any]], now: datetime) -> list[Alert]:
    """From Alertmanager's answer, without the heartbeat."""
    shown = [_alert(each, now) for each in found if each["labels"].get("alertname") != HEARTBEAT]
    return sorted(shown, key=lambda alert: (_rank(alert.severity), alert.name, alert.team, alert.summary))


def alive(found: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the heartbeat from Prometheus reaches Alertmanager."""
    return any(each["labels"].get("alertname") == HEARTBEAT for each in found)


def _alert(content: Mapping[str, Any], now: datetime) -> Alert:
    labels, annotations = content["labels"], content.get("annotations", {})
    begin = datetime.fromisoformat(content["startsAt"].replace("Z", "+00:00"))
    return Alert(
        name=labels.get("alertname", "unnamed alert"),
        severity=labels.get("severity", ""),
        team=labels.get("team", ""),
        summary=annotations.get("summary") or annotations.get("description", ""),
        since=duration(max(0.0, (now - begin).total_seconds())),
        runbook=annotations.get("runbook_url", ""),
    )


def _rank(severity: str) -> int:
    return _ORDER.index(severity) if severity in _ORDER else len(_ORDER)

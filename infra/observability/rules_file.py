"""The rules file: the platform's alerts, the declared ones, and the objectives as metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from infra.catalogue.alerts import gpu as gpu_alerts
from infra.catalogue.alerts.alert import Alert, Recording
from infra.catalogue.alerts.table import by_group
from infra.catalogue.metrics import CHAMPION_AGE, ERROR_BUDGET, FAST_BUCKET, SLOW_BUDGET
from infra.declaration.monitoring import Monitoring, Objective

Document = Mapping[str, Any]


def rules_file(settings: Monitoring, endpoints: Mapping[str, str]) -> Document:
    """`endpoints`: the namespace of each."""
    recorded = [
        *(each for name, space in endpoints.items() for each in _objective(name, space, settings.objective_of(name))),
        *gpu_alerts.RECORDINGS,
    ]
    groups = {"recorded": [_recording(each) for each in recorded]}
    for name, alerts in by_group(settings.period).items():
        groups[name] = [_alert(each, settings) for each in alerts]
    groups["declared"] = [
        _entry(name, rule.expr, rule.after, rule.severity, rule.team, rule.summary, rule.runbook)
        for name, rule in settings.rules.items()
    ]
    return {"groups": [{"name": name, "rules": rules} for name, rules in groups.items() if rules]}


def _objective(endpoint: str, namespace: str, objective: Objective) -> Sequence[Recording]:
    whose = (("namespace", namespace), ("endpoint", endpoint))
    return (
        Recording(ERROR_BUDGET, f"vector({_budget(objective.availability)})", whose),
        Recording(SLOW_BUDGET, f"vector({_budget(objective.fast)})", whose),
        # as Python's client writes it
        Recording(FAST_BUCKET, "vector(1)", (*whose, ("le", str(objective.latency)))),
        Recording(CHAMPION_AGE, f"vector({objective.champion_age})", whose),
    )


def _budget(percent: float) -> float:
    """The part that may be bad: 99.5 percent leave 0.005."""
    return round(1 - percent / 100, 9)


def _recording(recording: Recording) -> Document:
    labels = {"labels": dict(recording.labels)} if recording.labels else {}
    return {"record": recording.name, "expr": recording.expr, **labels}


def _alert(alert: Alert, settings: Monitoring) -> Document:
    after = settings.alert_after.get(alert.name, alert.after)
    runbook = f"{settings.runbooks.rstrip('/')}/{alert.name}.md"
    entry = _entry(alert.name, alert.expr, after, alert.severity, alert.team, alert.summary, runbook)
    return {**entry, "keep_firing_for": f"{alert.lasts}s"} if alert.lasts else entry


def _entry(name: str, expr: str, after: int, severity: str, team: str, summary: str, runbook: str | None) -> Document:
    return {
        "alert": name,
        "expr": expr,
        "for": f"{after}s",
        "labels": {"severity": severity, "team": team},
        "annotations": {"summary": summary, **({"runbook_url": runbook} if runbook else {})},
    }

"""Prometheus's rules file: the platform's alerts, the declared ones, and the endpoints' SLOs as recording rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from infra.catalogue import usage
from infra.catalogue.alerts import gpu as gpu_alerts
from infra.catalogue.alerts import idle as idle_alerts
from infra.catalogue.alerts.alert import Alert, Recording
from infra.catalogue.alerts.gateway import CanaryLimit
from infra.catalogue.metrics import ERROR_BUDGET, LATENCY_BUCKET, LATENCY_BUDGET, MAX_MODEL_AGE
from infra.declaration.alerts import by_group
from infra.declaration.monitoring import AlertSettings, Monitoring, Objective

Document = Mapping[str, Any]


def rules_file(
    settings: Monitoring,
    endpoints: Mapping[str, str],
    idle: Sequence[idle_alerts.IdleLimit] = (),
    canaries: Sequence[CanaryLimit] = (),
) -> Document:
    """`endpoints` maps each endpoint to its namespace; `idle` is what jobs declare, `canaries` what these do."""
    recorded = [
        *(
            each
            for name, namespace in endpoints.items()
            for each in _objective(name, namespace, settings.objective_of(name))
        ),
        *gpu_alerts.RECORDINGS,
        *usage.RECORDINGS,
        *(each for limit in idle for each in limit.recordings()),
        *idle_alerts.RECORDINGS,
        *(each for limit in canaries for each in limit.recordings()),
    ]
    groups = {"recorded": [_recording(each) for each in recorded]}
    for name, alerts in by_group(settings.slo_window).items():
        groups[name] = [_alert(each, settings) for each in alerts]
    groups["declared"] = [
        _entry(name, rule.expr, rule.for_, rule.severity, rule.team, rule.summary, rule.runbook)
        for name, rule in settings.rules.items()
    ]
    return {"groups": [{"name": name, "rules": rules} for name, rules in groups.items() if rules]}


def _objective(endpoint: str, namespace: str, objective: Objective) -> Sequence[Recording]:
    labels = (("namespace", namespace), ("endpoint", endpoint))
    return (
        Recording(ERROR_BUDGET, f"vector({_budget(objective.availability)})", labels),
        Recording(LATENCY_BUDGET, f"vector({_budget(objective.latency_target)})", labels),
        # str() formats a float as the Python client formats `le`
        Recording(LATENCY_BUCKET, "vector(1)", (*labels, ("le", str(objective.latency)))),
        Recording(MAX_MODEL_AGE, f"vector({objective.max_model_age})", labels),
    )


def _budget(percent: float) -> float:
    """The error budget as a ratio: 99.5 percent leave 0.005."""
    return round(1 - percent / 100, 9)


def _recording(recording: Recording) -> Document:
    labels = {"labels": dict(recording.labels)} if recording.labels else {}
    return {"record": recording.name, "expr": recording.expr, **labels}


def _alert(alert: Alert, settings: Monitoring) -> Document:
    override = settings.alerts.get(alert.name, AlertSettings())
    for_ = alert.for_ if override.for_ is None else override.for_
    expr = alert.query(override.threshold)
    runbook = f"{settings.runbooks.rstrip('/')}/{alert.name}.md"
    entry = _entry(alert.name, expr, for_, alert.severity, alert.team, alert.summary, runbook)
    return {**entry, "keep_firing_for": f"{alert.keep_firing_for}s"} if alert.keep_firing_for else entry


def _entry(name: str, expr: str, for_: int, severity: str, team: str, summary: str, runbook: str | None) -> Document:
    return {
        "alert": name,
        "expr": expr,
        "for": f"{for_}s",
        "labels": {"severity": severity, "team": team},
        "annotations": {"summary": summary, **({"runbook_url": runbook} if runbook else {})},
    }

"""All alerts that the platform and the kinds of workloads bring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from infra.catalogue.alerts import cluster as cluster_alerts
from infra.catalogue.alerts import gateway as gateway_alerts
from infra.catalogue.alerts import gpu as gpu_alerts
from infra.catalogue.alerts import idle as idle_alerts
from infra.catalogue.alerts import jobs as job_alerts
from infra.catalogue.alerts import monitoring as monitoring_alerts
from infra.catalogue.alerts import serving as serving_alerts
from infra.catalogue.alerts.alert import Alert
from infra.workloads.kinds import KINDS


def by_group(slo_window: int = serving_alerts.DEFAULT_SLO_WINDOW) -> dict[str, Sequence[Alert]]:
    """The alerts by rule group, for an SLO window of so many seconds."""
    return {
        "gpus": (*gpu_alerts.ALERTS, *idle_alerts.ALERTS),
        "jobs": job_alerts.ALERTS,
        "serving": serving_alerts.alerts(slo_window),
        "gateway": gateway_alerts.ALERTS,
        "cluster": cluster_alerts.ALERTS,
        "monitoring": monitoring_alerts.ALERTS,
        **{kind.section: kind.alerts for kind in KINDS if kind.alerts},
    }


ALERTS: Mapping[str, Alert] = {alert.name: alert for group in by_group().values() for alert in group}
"""By name. Each has a page in docs/runbooks."""

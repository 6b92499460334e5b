"""All alerts of the platform's own."""

from __future__ import annotations

from collections.abc import Sequence

from infra.monitoring import cluster_alerts, gpu_alerts, job_alerts, own_alerts, serving_alerts
from infra.monitoring.alert import Alert


def by_group(period: int) -> dict[str, Sequence[Alert]]:
    """By what they are about; objectives hold over a period of so many seconds."""
    return {
        "gpus": gpu_alerts.ALERTS,
        "jobs": job_alerts.ALERTS,
        "serving": serving_alerts.alerts(period),
        "cluster": cluster_alerts.ALERTS,
        "monitoring": own_alerts.ALERTS,
    }


NAMES = tuple(alert.name for group in by_group(serving_alerts.DEFAULT_PERIOD).values() for alert in group)
"""Each has a page in docs/runbooks/."""

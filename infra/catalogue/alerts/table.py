"""All alerts of the platform's own."""

from __future__ import annotations

from collections.abc import Sequence

from infra.catalogue.alerts import cluster as cluster_alerts
from infra.catalogue.alerts import gpu as gpu_alerts
from infra.catalogue.alerts import jobs as job_alerts
from infra.catalogue.alerts import monitoring as own_alerts
from infra.catalogue.alerts import serving as serving_alerts
from infra.catalogue.alerts.alert import Alert


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

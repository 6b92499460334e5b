"""The images that monitoring runs."""

from __future__ import annotations

from infra.catalogue.names import DASHBOARDS, GRAFANA

PROMETHEUS, KUBE_STATE_METRICS = "prometheus", "kube-state-metrics"
"""The first also holds Alertmanager and the exporter of nodes."""
GPU_SIMULATOR, DCGM_EXPORTER = "gpu-simulator", "dcgm-exporter"
"""Either says how GPUs are."""
OWN = frozenset({PROMETHEUS, KUBE_STATE_METRICS, GPU_SIMULATOR, DCGM_EXPORTER})


def needed(*, simulated: bool, real_gpus: bool = False) -> list[str]:
    """With simulated GPUs, what stands in for their exporter."""
    gpus = [GPU_SIMULATOR] if simulated else [DCGM_EXPORTER] if real_gpus else []
    return [PROMETHEUS, KUBE_STATE_METRICS, *gpus]


def drawing(*, deployed: bool, elsewhere: bool) -> list[str]:
    """Grafana, or what puts dashboards into one that is elsewhere."""
    return [GRAFANA] if deployed else [DASHBOARDS] if elsewhere else []

"""The images that monitoring runs."""

from __future__ import annotations

PROMETHEUS, KUBE_STATE_METRICS, GPU_SIMULATOR = "prometheus", "kube-state-metrics", "gpu-simulator"
"""The first also holds Alertmanager and the exporter of nodes."""
OWN = frozenset({PROMETHEUS, KUBE_STATE_METRICS, GPU_SIMULATOR})


def needed(*, simulated: bool) -> list[str]:
    """With simulated GPUs, what stands in for their exporter."""
    return [PROMETHEUS, KUBE_STATE_METRICS, *([GPU_SIMULATOR] if simulated else [])]

"""The platform's own images: one list. Each is built from `images/<name>`."""

from __future__ import annotations

BASE, TRACKING, REGISTRY, STATUS = "base", "tracking", "registry", "status"
GRAFANA, DASHBOARDS = "grafana", "dashboards"
NVIDIA_DEVICE_PLUGIN = "nvidia-device-plugin"
PROMETHEUS, KUBE_STATE_METRICS = "prometheus", "kube-state-metrics"
"""The Prometheus image also holds Alertmanager and the node exporter."""
GPU_SIMULATOR, DCGM_EXPORTER = "gpu-simulator", "dcgm-exporter"
"""Metrics of simulated and of real GPUs."""

OWN_IMAGES = frozenset(
    {
        *(BASE, TRACKING, REGISTRY, STATUS, GRAFANA, DASHBOARDS, NVIDIA_DEVICE_PLUGIN),
        *(PROMETHEUS, KUBE_STATE_METRICS, GPU_SIMULATOR, DCGM_EXPORTER),
    }
)
"""Declared images can't have these names."""

"""The platform's own images: one list. Each is built from `images/<name>`."""

from __future__ import annotations

BASE, TRACKING, REGISTRY, STATUS = "base", "tracking", "registry", "status"
OBJECT_STORE = "object-store"
GRAFANA, DASHBOARDS = "grafana", "dashboards"
NVIDIA_DEVICE_PLUGIN = "nvidia-device-plugin"
PROMETHEUS = "prometheus"
"""It also holds Alertmanager, kube-state-metrics and the node exporter."""
JOBSET = "jobset"
"""The controller of jobs with several workers."""
LOGS = "logs"
"""The store of logs, their collector, and the proxy through which they are read."""
KUEUE = "kueue"
GATEWAY = "gateway"
"""Envoy Gateway and Envoy."""
LLM = "llm"
"""llama.cpp, for endpoints with language models."""
CONTROLLERS = "controllers"
"""The platform's own: they stop idle runs, roll canaries back, and scale endpoints."""
GPU_SIMULATOR, DCGM_EXPORTER = "gpu-simulator", "dcgm-exporter"
"""Metrics of simulated and of real GPUs."""

OWN_IMAGES = frozenset(
    {
        *(BASE, TRACKING, REGISTRY, STATUS, GRAFANA, DASHBOARDS, NVIDIA_DEVICE_PLUGIN),
        *(PROMETHEUS, LOGS, GPU_SIMULATOR, DCGM_EXPORTER, JOBSET, KUEUE),
        *(OBJECT_STORE, CONTROLLERS, GATEWAY, LLM),
    }
)
"""Declared images can't have these names."""

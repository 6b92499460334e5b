"""CNCF's Certified Kubernetes AI Conformance checklist, and what this platform promises besides.

https://github.com/cncf/k8s-ai-conformance/blob/main/docs/AIConformance-1.36.yaml (read 2026-11-29).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Level = Literal["MUST", "SHOULD", "PLATFORM"]
"""`PLATFORM`: no item of CNCF's, but a promise of docs/security.md."""

VERSION = "v1.36"
SOURCE = "https://github.com/cncf/k8s-ai-conformance/blob/main/docs/AIConformance-1.36.yaml"


@dataclass(frozen=True)
class Item:
    """`area` and `id` are those of CNCF's file."""

    area: str
    id: str
    level: Level
    asks: str
    until: int | None = None
    """The last minor version of Kubernetes whose list has it; None: the current list has it."""


_ACCELERATORS, _NETWORKING, _SCHEDULING = "accelerators", "networking", "schedulingOrchestration"
_TENANCY = "tenancy"

ITEMS: Sequence[Item] = (
    Item(_ACCELERATORS, "dra_support", "MUST", "serves the APIs of Dynamic Resource Allocation", until=35),
    Item(_ACCELERATORS, "driver_runtime_management", "SHOULD", "verifies drivers and container runtime of GPU nodes"),
    Item(_ACCELERATORS, "gpu_sharing", "SHOULD", "shares GPUs: partitions as resources, or time slices"),
    Item(_ACCELERATORS, "virtualized_accelerator", "SHOULD", "exposes and manages virtual GPUs"),
    Item(_NETWORKING, "ai_inference", "MUST", "Gateway API: weighted splitting and header-based routing for inference"),
    Item(_NETWORKING, "advanced_inference_ingress", "SHOULD", "Gateway API Inference Extension"),
    Item(_NETWORKING, "high_performance_networking", "SHOULD", "manages fast network devices of pods, by DRA"),
    Item(_NETWORKING, "disaggregated_inference", "SHOULD", "prefill and decode in separate instances"),
    Item(_SCHEDULING, "gang_scheduling", "MUST", "all pods of a distributed job are started, or none"),
    Item(_SCHEDULING, "cluster_autoscaling", "MUST", "node groups with accelerators grow and shrink with pending pods"),
    Item(_SCHEDULING, "pod_autoscaling", "MUST", "HorizontalPodAutoscaler for pods with accelerators, custom metrics"),
    Item("observability", "accelerator_metrics", "MUST", "utilization and memory of each accelerator, as metrics"),
    Item("observability", "ai_service_metrics", "MUST", "discovers and collects metrics of workloads"),
    Item("security", "secure_accelerator_access", "MUST", "accelerators only for pods that Kubernetes gave them to"),
    Item(
        "operator", "robust_controller", "MUST", "an AI operator: pods run, webhooks answer, resources are reconciled"
    ),
    Item(_TENANCY, "pod_security", "PLATFORM", "privileged pods are refused in the namespaces of teams"),
    Item(_TENANCY, "secret_isolation", "PLATFORM", "no login of a team reads Secrets of another namespace"),
    Item(_TENANCY, "network_isolation", "PLATFORM", "no pod of a team reaches a pod of another namespace"),
)


def items(kubernetes: int) -> list[Item]:
    """Those of the current list, and those of the list of the cluster's minor version."""
    return [item for item in ITEMS if item.until is None or kubernetes <= item.until]

"""How much a team may ask for, and what a container gets that asks for nothing."""

from __future__ import annotations

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.core.v1 import LimitRangeItemArgs, LimitRangeSpecArgs, ResourceQuotaSpecArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.declaration.teams import Quota
from infra.naming import labels

_NAME = "team"
_REQUESTED = {"cpu": "100m", "memory": "256Mi"}
_LIMIT = {"cpu": "1", "memory": "256Mi"}
"""Memory is limited to what is asked for, as it is for the platform's own workloads."""


def hard_limits(quota: Quota) -> dict[str, str]:
    """As Kubernetes names them. CPU is not limited, since idle CPU may be used."""
    return {
        "requests.cpu": quota.cpu,
        "requests.memory": quota.memory,
        "limits.memory": quota.memory,
        "requests.storage": quota.storage or "0",
        "requests.nvidia.com/gpu": str(quota.gpus),
        "pods": str(quota.pods),
    }


def team_quota(namespace: str, quota: Quota | None, opts: pulumi.ResourceOptions) -> list[pulumi.Resource]:
    """Defaults in any case: without a request a quota would refuse the pod, and the scheduler would guess."""
    metadata = ObjectMetaArgs(name=_NAME, namespace=namespace, labels=labels(_NAME, "quota"))
    item = LimitRangeItemArgs(type="Container", default=_LIMIT, default_request=_REQUESTED)
    defaults = kubernetes.core.v1.LimitRange(
        f"{namespace}-{_NAME}", metadata=metadata, spec=LimitRangeSpecArgs(limits=[item]), opts=opts
    )
    if quota is None:
        return [defaults]
    limits = kubernetes.core.v1.ResourceQuota(
        f"{namespace}-{_NAME}", metadata=metadata, spec=ResourceQuotaSpecArgs(hard=hard_limits(quota)), opts=opts
    )
    return [defaults, limits]

"""A team's ResourceQuota and LimitRange."""

from __future__ import annotations

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.core.v1 import (
    LimitRangeItemArgs,
    LimitRangeSpecArgs,
    ResourceQuotaSpecArgs,
    ScopedResourceSelectorRequirementArgs,
    ScopeSelectorArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.catalogue.names import labels
from infra.declaration.teams import Quota
from infra.tenancy.priorities import Priorities

_NAME = "team"
_HIGHER = "priorities-of-others"
_REQUESTED = {"cpu": "100m", "memory": "256Mi", "ephemeral-storage": "0"}
_LIMIT = {"cpu": "1", "memory": "256Mi", "ephemeral-storage": "1Gi"}
"""The memory limit equals the request, as for the platform's own workloads. Ephemeral storage (emptyDirs, logs) has
a limit but no request: most pods use little of it.
"""


def hard_limits(quota: Quota) -> dict[str, str]:
    """The quota's hard limits. CPU limits are not included, so that idle CPU can be used; a pod gets 1 GiB of disk."""
    return {
        "requests.cpu": quota.cpu,
        "requests.memory": quota.memory,
        "limits.memory": quota.memory,
        "limits.ephemeral-storage": f"{quota.pods}Gi",
        "requests.storage": quota.storage or "0",
        "requests.nvidia.com/gpu": str(quota.gpus),
        "pods": str(quota.pods),
    }


def team_quota(
    namespace: str, quota: Quota | None, priorities: Priorities | None, opts: pulumi.ResourceOptions
) -> list[pulumi.Resource]:
    """Defaults are always set: a quota refuses pods without requests."""
    metadata = _metadata(_NAME, namespace)
    item = LimitRangeItemArgs(type="Container", default=_LIMIT, default_request=_REQUESTED)
    defaults = kubernetes.core.v1.LimitRange(
        f"{namespace}-{_NAME}", metadata=metadata, spec=LimitRangeSpecArgs(limits=[item]), opts=opts
    )
    made: list[pulumi.Resource] = [defaults]
    if priorities is not None:
        made.append(_no_priorities_of_others(namespace, priorities, opts))
    if quota is not None:
        spec = ResourceQuotaSpecArgs(hard=hard_limits(quota))
        made.append(kubernetes.core.v1.ResourceQuota(f"{namespace}-{_NAME}", metadata=metadata, spec=spec, opts=opts))
    return made


def _no_priorities_of_others(
    namespace: str, priorities: Priorities, opts: pulumi.ResourceOptions
) -> kubernetes.core.v1.ResourceQuota:
    """Any pod could name any PriorityClass; this keeps teams from those of the system and the platform."""
    own = [priorities.of("training"), priorities.of("serving")]
    named = ScopedResourceSelectorRequirementArgs(scope_name="PriorityClass", operator="Exists")
    others = ScopedResourceSelectorRequirementArgs(scope_name="PriorityClass", operator="NotIn", values=own)
    return kubernetes.core.v1.ResourceQuota(
        f"{namespace}-{_HIGHER}",
        metadata=_metadata(_HIGHER, namespace),
        spec=ResourceQuotaSpecArgs(
            hard={"pods": "0"}, scope_selector=ScopeSelectorArgs(match_expressions=[named, others])
        ),
        opts=opts,
    )


def _metadata(name: str, namespace: str) -> ObjectMetaArgs:
    return ObjectMetaArgs(name=name, namespace=namespace, labels=labels(name, "quota"))

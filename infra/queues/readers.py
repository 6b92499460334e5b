"""Members of all teams may see how much of each quota is in use, so that they know why their jobs wait.

ClusterQueues and ResourceFlavors have amounts and names of teams and pools, and nothing of any job.
"""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import RoleRefArgs, SubjectArgs

from infra.catalogue.names import labels
from infra.tenancy.rbac import READ, policy_rules

_RBAC = "rbac.authorization.k8s.io"
_RULES = (("kueue.x-k8s.io", ("clusterqueues", "resourceflavors"), READ),)


def read_quotas(platform: str, groups: Sequence[str], opts: pulumi.ResourceOptions) -> None:
    """Cluster-scoped; the name of the platform's namespace is part of theirs."""
    name = f"{platform}-quota-reader"
    metadata = ObjectMetaArgs(name=name, labels=labels(name, "queues"))
    kubernetes.rbac.v1.ClusterRole(name, metadata=metadata, rules=policy_rules(_RULES), opts=opts)
    if groups:
        kubernetes.rbac.v1.ClusterRoleBinding(
            name,
            metadata=metadata,
            role_ref=RoleRefArgs(api_group=_RBAC, kind="ClusterRole", name=name),
            subjects=[SubjectArgs(api_group=_RBAC, kind="Group", name=group) for group in groups],
            opts=opts,
        )

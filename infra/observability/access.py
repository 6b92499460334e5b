"""Service accounts of the monitoring components, with read-only RBAC: nodes, and objects in the stack's namespaces."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from infra.gpu.devices import Devices
from infra.observability.deployment import monitoring_server
from infra.tenancy import Workspace
from infra.tenancy.rbac import READ, Rule
from infra.workloads.api_access import Access, api_account

Namespaced = Workspace | Devices
"""A component that owns a namespace of the stack."""

NODES: Rule = ("", ("nodes",), READ)
READS_PODS = Access([NODES], [("", ("pods",), READ)])
ASKS_KUBELETS = Access([NODES, ("", ("nodes/metrics",), ("get",))], READS_PODS.namespaced)
READS_CLUSTER = Access(
    [NODES],
    [
        ("", ("persistentvolumeclaims", "pods", "resourcequotas"), READ),
        ("apps", ("daemonsets", "deployments", "statefulsets"), READ),
        ("batch", ("cronjobs", "jobs"), READ),
    ],
)


def monitoring_account(
    name: str, workspace: Workspace, access: Access, watched_namespaces: Sequence[Namespaced], parent: pulumi.Resource
) -> list[pulumi.Resource]:
    """A service account and its RBAC bindings. Pods get its token through `token_mount` only."""
    owner = monitoring_server(name, workspace, parent)
    return api_account(owner, access, {each.namespace: each for each in watched_namespaces})

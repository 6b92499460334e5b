"""Service accounts of the monitoring components, with read-only RBAC: nodes, and objects in the stack's namespaces."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from infra.catalogue.names import MONITORING
from infra.gpu.devices import Devices
from infra.tenancy import Workspace
from infra.workloads.api_access import Access, Owner, Rule, api_account

_READ = ("get", "list", "watch")

Namespaced = Workspace | Devices
"""A component that owns a namespace of the stack."""

NODES: Rule = ("", ("nodes",), _READ)
READS_PODS = Access([NODES], [("", ("pods",), _READ)])
ASKS_KUBELETS = Access([NODES, ("", ("nodes/metrics",), ("get",))], READS_PODS.namespaced)
READS_CLUSTER = Access(
    [NODES],
    [
        ("", ("persistentvolumeclaims", "pods", "resourcequotas"), _READ),
        ("apps", ("daemonsets", "deployments", "statefulsets"), _READ),
        ("batch", ("cronjobs", "jobs"), _READ),
    ],
)


def monitoring_account(
    name: str, workspace: Workspace, access: Access, watched_namespaces: Sequence[Namespaced], parent: pulumi.Resource
) -> list[pulumi.Resource]:
    """A service account and its RBAC bindings. Pods get its token through `token_mount` only."""
    owner = Owner(name, MONITORING, workspace, parent)
    return api_account(owner, access, {each.namespace: each for each in watched_namespaces})

"""Service accounts of the monitoring components, with read-only RBAC: nodes, and objects in the stack's namespaces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.core.v1 import (
    ConfigMapProjectionArgs,
    KeyToPathArgs,
    ProjectedVolumeSourceArgs,
    ServiceAccountTokenProjectionArgs,
    VolumeArgs,
    VolumeProjectionArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgs, RoleRefArgs, SubjectArgs

from infra.catalogue.names import MONITORING, labels
from infra.gpu.devices import Devices
from infra.observability.prometheus_config import ACCOUNT
from infra.tenancy import Workspace
from infra.workloads.pod import Mount

_RBAC = "rbac.authorization.k8s.io"
_READ = ("get", "list", "watch")
_HOUR = 3600

Namespaced = Workspace | Devices
"""A component that owns a namespace of the stack."""

Rule = tuple[str, Sequence[str], Sequence[str]]
"""API group, resources, verbs."""


@dataclass(frozen=True)
class Access:
    """RBAC rules: `cluster_wide` for objects without a namespace, `namespaced` for those in the watched namespaces."""

    cluster_wide: Sequence[Rule] = ()
    namespaced: Sequence[Rule] = ()


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
    own = kubernetes.core.v1.ServiceAccount(
        f"{workspace.namespace}-{name}",
        metadata=ObjectMetaArgs(name=name, namespace=workspace.namespace, labels=labels(name, MONITORING)),
        automount_service_account_token=False,
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[workspace]),
    )
    subject = SubjectArgs(kind="ServiceAccount", name=name, namespace=workspace.namespace)
    role = f"{workspace.namespace}-{name}"
    resources: list[pulumi.Resource] = [own]
    if access.cluster_wide:
        nodes = _role(f"{role}-nodes", name, access.cluster_wide, parent)
        resources += [nodes, _cluster_binding(f"{role}-nodes", name, subject, parent)]
    if access.namespaced:
        resources.append(_role(role, name, access.namespaced, parent))
        resources += [_binding(role, name, subject, namespaced, parent) for namespaced in watched_namespaces]
    return resources


def token_mount() -> Mount:
    """The account's token, rotated by the kubelet, and the cluster's CA, at the paths where clients expect them."""
    sources = [
        VolumeProjectionArgs(
            service_account_token=ServiceAccountTokenProjectionArgs(path="token", expiration_seconds=_HOUR)
        ),
        VolumeProjectionArgs(
            config_map=ConfigMapProjectionArgs(
                name="kube-root-ca.crt", items=[KeyToPathArgs(key="ca.crt", path="ca.crt")]
            )
        ),
    ]
    return Mount(
        VolumeArgs(name="account", projected=ProjectedVolumeSourceArgs(sources=sources)), ACCOUNT, read_only=True
    )


def _role(role: str, name: str, rules: Sequence[Rule], parent: pulumi.Resource) -> pulumi.Resource:
    return kubernetes.rbac.v1.ClusterRole(
        role,
        metadata=ObjectMetaArgs(name=role, labels=labels(name, MONITORING)),
        rules=[
            PolicyRuleArgs(api_groups=[group], resources=list(resources), verbs=list(verbs))
            for group, resources, verbs in rules
        ],
        opts=pulumi.ResourceOptions(parent=parent),
    )


def _cluster_binding(role: str, name: str, subject: SubjectArgs, parent: pulumi.Resource) -> pulumi.Resource:
    return kubernetes.rbac.v1.ClusterRoleBinding(
        role,
        metadata=ObjectMetaArgs(name=role, labels=labels(name, MONITORING)),
        role_ref=RoleRefArgs(api_group=_RBAC, kind="ClusterRole", name=role),
        subjects=[subject],
        opts=pulumi.ResourceOptions(parent=parent),
    )


def _binding(
    role: str, name: str, subject: SubjectArgs, namespaced: Namespaced, parent: pulumi.Resource
) -> pulumi.Resource:
    return kubernetes.rbac.v1.RoleBinding(
        f"{namespaced.namespace}-{role}",
        metadata=ObjectMetaArgs(name=role, namespace=namespaced.namespace, labels=labels(name, MONITORING)),
        role_ref=RoleRefArgs(api_group=_RBAC, kind="ClusterRole", name=role),
        subjects=[subject],
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[namespaced]),
    )

"""What monitoring's programs may read of the cluster: nodes, and what is in the stack's own namespaces."""

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
from infra.observability.scraping import ACCOUNT
from infra.tenancy import Workspace
from infra.workloads.pod import Mount

_RBAC = "rbac.authorization.k8s.io"
_READ = ("get", "list", "watch")
_HOUR = 3600

Space = Workspace | Devices
"""A namespace of the stack."""

Rule = tuple[str, Sequence[str], Sequence[str]]
"""API group, resources, verbs."""


@dataclass(frozen=True)
class Access:
    """`everywhere` is for what belongs to no namespace, `inside` for the namespaces that are looked into."""

    everywhere: Sequence[Rule] = ()
    inside: Sequence[Rule] = ()


NODES: Rule = ("", ("nodes",), _READ)
READS_PODS = Access([NODES], [("", ("pods",), _READ)])
ASKS_KUBELETS = Access([NODES, ("", ("nodes/metrics",), ("get",))], READS_PODS.inside)
READS_CLUSTER = Access(
    [NODES],
    [
        ("", ("persistentvolumeclaims", "pods", "resourcequotas"), _READ),
        ("apps", ("daemonsets", "deployments", "statefulsets"), _READ),
        ("batch", ("jobs",), _READ),
    ],
)


def monitoring_account(
    name: str, workspace: Workspace, access: Access, looked_into: Sequence[Space], parent: pulumi.Resource
) -> list[pulumi.Resource]:
    """An account of the program's own with what it may read; its token is in the pod only by `token_mount`."""
    inside = pulumi.ResourceOptions(parent=parent, depends_on=[workspace])
    own = kubernetes.core.v1.ServiceAccount(
        f"{workspace.namespace}-{name}",
        metadata=ObjectMetaArgs(name=name, namespace=workspace.namespace, labels=labels(name, MONITORING)),
        automount_service_account_token=False,
        opts=inside,
    )
    subject = SubjectArgs(kind="ServiceAccount", name=name, namespace=workspace.namespace)
    role = f"{workspace.namespace}-{name}"
    found: list[pulumi.Resource] = [own]
    if access.everywhere:
        nodes = _role(f"{role}-nodes", name, access.everywhere, parent)
        found += [nodes, _binding_everywhere(f"{role}-nodes", name, subject, parent)]
    if access.inside:
        found.append(_role(role, name, access.inside, parent))
        found += [_binding(role, name, subject, space, parent) for space in looked_into]
    return found


def token_mount() -> Mount:
    """The account's token, which the kubelet renews, and the cluster's authority, where clients look for them."""
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


def _binding_everywhere(role: str, name: str, subject: SubjectArgs, parent: pulumi.Resource) -> pulumi.Resource:
    return kubernetes.rbac.v1.ClusterRoleBinding(
        role,
        metadata=ObjectMetaArgs(name=role, labels=labels(name, MONITORING)),
        role_ref=RoleRefArgs(api_group=_RBAC, kind="ClusterRole", name=role),
        subjects=[subject],
        opts=pulumi.ResourceOptions(parent=parent),
    )


def _binding(role: str, name: str, subject: SubjectArgs, space: Space, parent: pulumi.Resource) -> pulumi.Resource:
    return kubernetes.rbac.v1.RoleBinding(
        f"{space.namespace}-{role}",
        metadata=ObjectMetaArgs(name=role, namespace=space.namespace, labels=labels(name, MONITORING)),
        role_ref=RoleRefArgs(api_group=_RBAC, kind="ClusterRole", name=role),
        subjects=[subject],
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[space]),
    )

"""Service accounts of programs that use the cluster's API, with the RBAC they need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

from infra.catalogue.names import labels
from infra.tenancy import Workspace
from infra.workloads.pod import Mount

SERVICE_ACCOUNT_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"
_RBAC = "rbac.authorization.k8s.io"
_HOUR = 3600

Rule = tuple[str, Sequence[str], Sequence[str]]
"""API group, resources, verbs."""


@dataclass(frozen=True)
class Access:
    """RBAC rules: `cluster_wide` for objects of all namespaces and of none, `namespaced` for those in some."""

    cluster_wide: Sequence[Rule] = ()
    namespaced: Sequence[Rule] = ()


@dataclass(frozen=True)
class Owner:
    """The program, and the component that creates its resources."""

    name: str
    component: str
    workspace: Workspace
    parent: pulumi.Resource

    @property
    def labels(self) -> dict[str, str]:
        return labels(self.name, self.component)

    @property
    def role(self) -> str:
        """The name of its ClusterRole, which no other stack of the cluster has."""
        return f"{self.workspace.namespace}-{self.name}"

    @property
    def subject(self) -> SubjectArgs:
        return SubjectArgs(kind="ServiceAccount", name=self.name, namespace=self.workspace.namespace)


def api_account(owner: Owner, access: Access, namespaces: Mapping[str, pulumi.Resource]) -> list[pulumi.Resource]:
    """A service account and its RBAC bindings in `namespaces`, each with what creates it.

    Pods get its token through `token_mount` only.
    """
    own = kubernetes.core.v1.ServiceAccount(
        owner.role,
        metadata=ObjectMetaArgs(name=owner.name, namespace=owner.workspace.namespace, labels=owner.labels),
        automount_service_account_token=False,
        opts=pulumi.ResourceOptions(parent=owner.parent, depends_on=[owner.workspace]),
    )
    resources: list[pulumi.Resource] = [own]
    if access.cluster_wide:
        everywhere = f"{owner.role}-nodes"
        resources += [_role(everywhere, owner, access.cluster_wide), _cluster_binding(everywhere, owner)]
    if access.namespaced:
        resources.append(_role(owner.role, owner, access.namespaced))
        resources += [_binding(owner, namespace, creator) for namespace, creator in namespaces.items()]
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
    projected = ProjectedVolumeSourceArgs(sources=sources)
    return Mount(VolumeArgs(name="account", projected=projected), SERVICE_ACCOUNT_FOLDER, read_only=True)


def _role(role: str, owner: Owner, rules: Sequence[Rule]) -> pulumi.Resource:
    return kubernetes.rbac.v1.ClusterRole(
        role,
        metadata=ObjectMetaArgs(name=role, labels=owner.labels),
        rules=[
            PolicyRuleArgs(api_groups=[group], resources=list(resources), verbs=list(verbs))
            for group, resources, verbs in rules
        ],
        opts=pulumi.ResourceOptions(parent=owner.parent),
    )


def _cluster_binding(role: str, owner: Owner) -> pulumi.Resource:
    return kubernetes.rbac.v1.ClusterRoleBinding(
        role,
        metadata=ObjectMetaArgs(name=role, labels=owner.labels),
        role_ref=RoleRefArgs(api_group=_RBAC, kind="ClusterRole", name=role),
        subjects=[owner.subject],
        opts=pulumi.ResourceOptions(parent=owner.parent),
    )


def _binding(owner: Owner, namespace: str, creator: pulumi.Resource) -> pulumi.Resource:
    return kubernetes.rbac.v1.RoleBinding(
        f"{namespace}-{owner.role}",
        metadata=ObjectMetaArgs(name=owner.role, namespace=namespace, labels=owner.labels),
        role_ref=RoleRefArgs(api_group=_RBAC, kind="ClusterRole", name=owner.role),
        subjects=[owner.subject],
        opts=pulumi.ResourceOptions(parent=owner.parent, depends_on=[creator]),
    )

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
from pulumi_kubernetes.rbac.v1 import RoleRefArgs, SubjectArgs

from infra.tenancy.rbac import Rule, policy_rules
from infra.workloads.deployment import DeploymentFactory
from infra.workloads.pod import Mount

SERVICE_ACCOUNT_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"
_RBAC = "rbac.authorization.k8s.io"
_HOUR = 3600


@dataclass(frozen=True)
class Access:
    """RBAC rules: `cluster_wide` for objects of all namespaces and of none, `namespaced` for those in some."""

    cluster_wide: Sequence[Rule] = ()
    namespaced: Sequence[Rule] = ()


def api_account(
    owner: DeploymentFactory, access: Access, namespaces: Mapping[str, pulumi.Resource]
) -> list[pulumi.Resource]:
    """A program's service account and its RBAC bindings in `namespaces`, each with what creates it.

    Pods get its token through `token_mount` only.
    """
    role = f"{owner.workspace.namespace}-{owner.name}"
    own = kubernetes.core.v1.ServiceAccount(
        role,
        metadata=owner.metadata,
        automount_service_account_token=False,
        opts=pulumi.ResourceOptions(parent=owner.parent, depends_on=[owner.workspace]),
    )
    resources: list[pulumi.Resource] = [own]
    if access.cluster_wide:
        everywhere = f"{role}-nodes"
        resources += [_role(everywhere, owner, access.cluster_wide), _cluster_binding(everywhere, owner)]
    if access.namespaced:
        resources.append(_role(role, owner, access.namespaced))
        resources += [_binding(role, owner, namespace, creator) for namespace, creator in namespaces.items()]
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


def _role(role: str, owner: DeploymentFactory, rules: Sequence[Rule]) -> pulumi.Resource:
    return kubernetes.rbac.v1.ClusterRole(
        role,
        metadata=ObjectMetaArgs(name=role, labels=owner.labels),
        rules=policy_rules(rules),
        opts=pulumi.ResourceOptions(parent=owner.parent),
    )


def _cluster_binding(role: str, owner: DeploymentFactory) -> pulumi.Resource:
    return kubernetes.rbac.v1.ClusterRoleBinding(
        role,
        metadata=ObjectMetaArgs(name=role, labels=owner.labels),
        role_ref=RoleRefArgs(api_group=_RBAC, kind="ClusterRole", name=role),
        subjects=[_subject(owner)],
        opts=pulumi.ResourceOptions(parent=owner.parent),
    )


def _binding(role: str, owner: DeploymentFactory, namespace: str, creator: pulumi.Resource) -> pulumi.Resource:
    return kubernetes.rbac.v1.RoleBinding(
        f"{namespace}-{role}",
        metadata=ObjectMetaArgs(name=role, namespace=namespace, labels=owner.labels),
        role_ref=RoleRefArgs(api_group=_RBAC, kind="ClusterRole", name=role),
        subjects=[_subject(owner)],
        opts=pulumi.ResourceOptions(parent=owner.parent, depends_on=[creator]),
    )


def _subject(owner: DeploymentFactory) -> SubjectArgs:
    return SubjectArgs(kind="ServiceAccount", name=owner.name, namespace=owner.workspace.namespace)

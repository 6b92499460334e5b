"""What Kueue's controller may do: read jobs everywhere, and change those of the platform's teams.

Upstream's role may change jobs and pods of all namespaces, and those of frameworks that the platform does not have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgs, RoleRefArgs, SubjectArgs

from infra.catalogue.names import labels
from infra.queues.configuration import MUTATING, NAME, VALIDATING
from infra.queues.definitions import CONVERTED
from infra.tenancy import Workspace
from infra.tenancy.rbac import READ, Rule, policy_rules

_CHANGE = (*READ, "update", "patch")
_KUEUE = "kueue.x-k8s.io"
CLUSTER_WIDE: tuple[Rule, ...] = (
    ("", ("events",), ("create", "patch", "update", "watch")),
    ("", ("limitranges", "namespaces"), READ),
    ("batch", ("jobs",), READ),
    ("jobset.x-k8s.io", ("jobsets",), READ),
    ("node.k8s.io", ("runtimeclasses",), READ),
    ("scheduling.k8s.io", ("priorityclasses",), READ),
    ("apiextensions.k8s.io", ("customresourcedefinitions",), ("list", "watch")),
    ("admissionregistration.k8s.io", ("mutatingwebhookconfigurations",), ("list", "watch")),
    ("admissionregistration.k8s.io", ("validatingwebhookconfigurations",), ("list", "watch")),
    # Its own objects, also where they wait for it in a namespace that is being deleted.
    (_KUEUE, ("admissionchecks", "clusterqueues", "cohorts", "localqueues", "resourceflavors"), _CHANGE),
    (_KUEUE, ("workloads",), (*_CHANGE, "create", "delete")),
    (_KUEUE, ("workloadpriorityclasses",), READ),
    (_KUEUE, tuple(f"{kind}/finalizers" for kind in ("clusterqueues", "localqueues", "resourceflavors")), ("update",)),
    (_KUEUE, ("admissionchecks/finalizers", "workloads/finalizers"), ("update",)),
    (_KUEUE, tuple(f"{kind}/status" for kind in ("admissionchecks", "clusterqueues", "cohorts")), _CHANGE),
    (_KUEUE, ("localqueues/status", "workloads/status"), _CHANGE),
)
"""It reads jobs of all namespaces, since a watch has one scope; it changes those of teams only."""

OF_TEAMS: tuple[Rule, ...] = (
    ("batch", ("jobs", "jobs/status"), ("get", "update", "patch")),
    ("batch", ("jobs/finalizers",), ("update",)),
    ("jobset.x-k8s.io", ("jobsets", "jobsets/status"), ("get", "update", "patch")),
    ("jobset.x-k8s.io", ("jobsets/finalizers",), ("update",)),
)
"""In each team's namespace."""


OWN_NAMESPACE: tuple[Rule, ...] = (("", ("secrets",), (*READ, "update")),)
"""It watches all Secrets of its namespace, where there are its certificate and the login to the registry."""

CERTIFIED: Mapping[str, tuple[str, Sequence[str]]] = {
    "customresourcedefinitions": ("apiextensions.k8s.io", CONVERTED),
    "mutatingwebhookconfigurations": ("admissionregistration.k8s.io", (MUTATING,)),
    "validatingwebhookconfigurations": ("admissionregistration.k8s.io", (VALIDATING,)),
}
"""Objects that it writes its certificate into: by resource, the API group and the names."""


_COMPONENT = "queues"
_RBAC = "rbac.authorization.k8s.io"


def account(workspace: Workspace, platform: str, opts: pulumi.ResourceOptions) -> list[pulumi.Resource]:
    """The service account of the controller, with what it needs to start."""
    own = workspace.namespace
    inside = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[workspace]))
    made = kubernetes.core.v1.ServiceAccount(
        NAME, metadata=_metadata(NAME, own), automount_service_account_token=False, opts=inside
    )
    certified = [
        PolicyRuleArgs(api_groups=[group], resources=[resource], verbs=["get", "update"], resource_names=list(names))
        for resource, (group, names) in CERTIFIED.items()
    ]
    everywhere = f"{platform}-{NAME}"
    role = _cluster_role(everywhere, [*policy_rules(CLUSTER_WIDE), *certified], opts)
    binding = kubernetes.rbac.v1.ClusterRoleBinding(
        everywhere,
        metadata=_metadata(everywhere),
        role_ref=RoleRefArgs(api_group=_RBAC, kind="ClusterRole", name=everywhere),
        subjects=[_subject(own)],
        opts=opts,
    )
    secrets = kubernetes.rbac.v1.Role(
        NAME, metadata=_metadata(NAME, own), rules=policy_rules(OWN_NAMESPACE), opts=inside
    )
    teams = _cluster_role(_teams_role(platform), policy_rules(OF_TEAMS), opts)
    return [made, role, binding, secrets, teams, _binding(NAME, own, own, "Role", NAME, inside)]


def manage_jobs(team: str, controller: str, platform: str, opts: pulumi.ResourceOptions) -> pulumi.Resource:
    """Lets the controller, by its namespace, suspend and start the jobs of one team."""
    return _binding(f"{team}-{NAME}", team, controller, "ClusterRole", _teams_role(platform), opts)


def _teams_role(platform: str) -> str:
    return f"{platform}-{NAME}-teams"


def _cluster_role(name: str, rules: Sequence[PolicyRuleArgs], opts: pulumi.ResourceOptions) -> pulumi.Resource:
    return kubernetes.rbac.v1.ClusterRole(name, metadata=_metadata(name), rules=list(rules), opts=opts)


def _binding(
    name: str, namespace: str, controller: str, kind: str, role: str, opts: pulumi.ResourceOptions
) -> pulumi.Resource:
    return kubernetes.rbac.v1.RoleBinding(
        name,
        metadata=_metadata(NAME, namespace),
        role_ref=RoleRefArgs(api_group=_RBAC, kind=kind, name=role),
        subjects=[_subject(controller)],
        opts=opts,
    )


def _metadata(name: str, namespace: str | None = None) -> ObjectMetaArgs:
    return ObjectMetaArgs(name=name, namespace=namespace, labels=labels(NAME, _COMPONENT))


def _subject(namespace: str) -> SubjectArgs:
    return SubjectArgs(kind="ServiceAccount", name=NAME, namespace=namespace)

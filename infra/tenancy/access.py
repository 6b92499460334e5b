"""RBAC roles in a team's namespace. Rules are explicit: kinds that are not listed here are denied.

Anyone who can start a pod (`developer` and above, by a job) can access what pods of the namespace can, including its
secrets by mounting them. That is inherent to Kubernetes, so no role reaches another namespace. Members of a team are
declared, so no role may bind roles. Developers create and delete jobs; only admins create bare pods.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import RoleRefArgs, SubjectArgs

from infra.catalogue.names import labels
from infra.declaration.teams import Role
from infra.tenancy.rbac import READ, Rule, policy_rules

_RBAC = "rbac.authorization.k8s.io"
_WRITE = ("create", "update", "patch", "delete")

_SEE: tuple[Rule, ...] = (
    ("", ("configmaps", "endpoints", "events", "limitranges", "persistentvolumeclaims"), READ),
    ("", ("pods", "resourcequotas", "serviceaccounts", "services"), READ),
    ("apps", ("deployments", "replicasets", "statefulsets"), READ),
    ("batch", ("cronjobs", "jobs"), READ),
    ("discovery.k8s.io", ("endpointslices",), READ),
    ("events.k8s.io", ("events",), READ),
    ("networking.k8s.io", ("networkpolicies",), READ),
    ("policy", ("poddisruptionbudgets",), READ),
    (_RBAC, ("rolebindings", "roles"), READ),
)
_WORK: tuple[Rule, ...] = (
    # Logs may contain data, so viewers can't read them.
    ("", ("pods/log",), ("get",)),
    # Clients open streams with GET or POST.
    ("", ("pods/exec", "pods/portforward"), ("get", "create")),
    # Deleting a pod restarts it: its owner creates a new one.
    ("", ("pods",), ("delete",)),
    ("batch", ("jobs",), ("create", "delete")),
)
_CHANGE: tuple[Rule, ...] = (
    ("", ("configmaps", "secrets"), (*READ, *_WRITE)),
    ("", ("pods",), ("create",)),
    ("apps", ("deployments",), ("patch",)),
    ("apps", ("deployments/scale",), ("get", "patch", "update")),
    ("batch", ("jobs",), ("patch",)),
)
_SEE_QUEUE: Rule = ("kueue.x-k8s.io", ("localqueues", "workloads"), READ)
"""What is in the team's queue, and why it waits."""
_SEE_JOB_SETS: Rule = ("jobset.x-k8s.io", ("jobsets",), READ)
_STOP_JOB_SETS: Rule = ("jobset.x-k8s.io", ("jobsets",), ("delete",))
"""Deleting the Jobs of a JobSet does not stop it. No role may create one, since no webhook validates it."""
RULES: Mapping[Role, tuple[Rule, ...]] = {
    "viewer": _SEE,
    "developer": (*_SEE, *_WORK),
    "admin": (*_SEE, *_WORK, *_CHANGE),
}


def team_access(
    namespace: str,
    groups: Mapping[Role, Sequence[str]],
    opts: pulumi.ResourceOptions,
    *,
    queued: bool = False,
    job_sets: bool = False,
) -> list[pulumi.Resource]:
    """All roles, and a RoleBinding for each role with groups.

    `queued`: whether the team's jobs wait in a queue; `job_sets`: whether there are jobs with several workers.
    """
    roles: list[pulumi.Resource] = [_role(namespace, role, _more(role, queued, job_sets), opts) for role in RULES]
    return [*roles, *(_binding(namespace, role, names, opts) for role, names in groups.items() if names)]


def _more(role: Role, queued: bool, job_sets: bool) -> list[Rule]:
    stop = [] if role == "viewer" else [_STOP_JOB_SETS]
    return [*([_SEE_QUEUE] if queued else []), *([_SEE_JOB_SETS, *stop] if job_sets else [])]


def _metadata(namespace: str, role: Role) -> ObjectMetaArgs:
    return ObjectMetaArgs(name=role, namespace=namespace, labels=labels(role, "access"))


def _role(namespace: str, role: Role, more: Sequence[Rule], opts: pulumi.ResourceOptions) -> pulumi.Resource:
    return kubernetes.rbac.v1.Role(
        f"{namespace}-{role}",
        metadata=_metadata(namespace, role),
        rules=policy_rules((*RULES[role], *more)),
        opts=opts,
    )


def _binding(namespace: str, role: Role, groups: Sequence[str], opts: pulumi.ResourceOptions) -> pulumi.Resource:
    return kubernetes.rbac.v1.RoleBinding(
        f"{namespace}-{role}",
        metadata=_metadata(namespace, role),
        role_ref=RoleRefArgs(api_group=_RBAC, kind="Role", name=role),
        subjects=[SubjectArgs(api_group=_RBAC, kind="Group", name=group) for group in groups],
        opts=opts,
    )

"""Least privilege in the cluster: no wildcards in roles, no cluster-admin for groups."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs

from policies.rule import ResourceRule, known, known_items

_RBAC = "kubernetes:rbac.authorization.k8s.io/"
_ROLES, _BINDINGS = {"Role", "ClusterRole"}, {"RoleBinding", "ClusterRoleBinding"}
_PARTS = ("apiGroups", "resources", "verbs", "nonResourceURLs")
_ADMINISTRATOR, _MASTERS = "cluster-admin", "system:masters"


def _wildcards(args: ResourceValidationArgs) -> Iterator[str]:
    if args.resource_type.startswith(_RBAC) and args.resource_type.rpartition(":")[2] in _ROLES:
        for rule in known_items(known(args.props, "rules")):
            for part in _PARTS:
                if "*" in known_items(known(rule, part)):
                    yield f"a rule allows all {part} ('*')"


def _administrators(args: ResourceValidationArgs) -> Iterator[str]:
    if args.resource_type == "aws:eks/accessEntry:AccessEntry":
        if _MASTERS in known_items(known(args.props, "kubernetesGroups")):
            yield f"this access entry adds its role to {_MASTERS}"
    elif args.resource_type.startswith(_RBAC) and args.resource_type.rpartition(":")[2] in _BINDINGS:
        if known(args.props, "roleRef", "name") != _ADMINISTRATOR:
            return
        for subject in known_items(known(args.props, "subjects")):
            if known(subject, "kind") == "Group":
                yield f"group '{known(subject, 'name')}' is bound to {_ADMINISTRATOR}"


def _role(verbs: str) -> str:
    return f"""
kubernetes.rbac.v1.ClusterRole(
    name, metadata={{"name": name}}, rules=[{{"apiGroups": [""], "resources": ["pods"], "verbs": {verbs}}}]
)
"""


def _binding(role: str) -> str:
    return f"""
rbac = "rbac.authorization.k8s.io"
kubernetes.rbac.v1.ClusterRoleBinding(
    name,
    metadata={{"name": name}},
    role_ref={{"apiGroup": rbac, "kind": "ClusterRole", "name": "{role}"}},
    subjects=[{{"apiGroup": rbac, "kind": "Group", "name": "leads"}}],
)
"""


RULES = (
    ResourceRule(
        name="no-wildcard-rbac",
        reason="Roles in the cluster list groups, resources and verbs without wildcards.",
        fix="list the groups, resources and verbs that are needed",
        check=_wildcards,
        refuses=_role('["*"]'),
        passes=_role('["get", "list"]'),
    ),
    ResourceRule(
        name="no-cluster-admin-for-groups",
        reason="Cluster administrators are bound by name, not by group.",
        fix="bind a role that allows what the group needs, or name the administrators in the declaration",
        check=_administrators,
        refuses=_binding("cluster-admin"),
        passes=_binding("view"),
    ),
)

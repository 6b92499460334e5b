"""Namespaces enforce a Pod Security level and deny traffic by default."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pulumi_policy import PolicyResource, ResourceValidationArgs

from infra.catalogue.names import PROJECT
from infra.catalogue.pod_exceptions import POD_SECURITY
from policies.declared import setting
from policies.pods import excepted
from policies.rule import ResourceRule, StackRule, differs, known, known_items, missing

_NAMESPACE = "kubernetes:core/v1:Namespace"
_NETWORK_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
_ENFORCE = "pod-security.kubernetes.io/enforce"
_LEVELS = {"restricted", "baseline"}
_IN, _OUT = "Ingress", "Egress"
_DIRECTIONS = {_IN: "accept traffic from anywhere", _OUT: "may connect to anywhere"}


def _unsafe(args: ResourceValidationArgs) -> Iterator[str]:
    if args.resource_type != _NAMESPACE or excepted(POD_SECURITY, args, "metadata", "name"):
        return
    if all(differs(args.props, "metadata", "labels", _ENFORCE, wanted=level) for level in _LEVELS):
        yield f"this namespace enforces no Pod Security level ({_ENFORCE})"


def _open(resources: Sequence[PolicyResource]) -> Iterator[tuple[PolicyResource, str]]:
    policies = [each for each in resources if each.resource_type == _NETWORK_POLICY]
    for direction, complaint in _DIRECTIONS.items():
        closed = {_place(policy) for policy in policies if _closes(policy, direction)}
        for namespace in resources:
            name = known(namespace.props, "metadata", "name") if namespace.resource_type == _NAMESPACE else None
            # A name that is unknown at preview may be any.
            if name is None or name in closed or None in closed or (direction == _OUT and name == _own(namespace)):
                continue
            yield namespace, f"pods of namespace '{name}' {complaint}"


def _own(resource: PolicyResource) -> str:
    """The platform's own namespace, whose pods use the cluster's API and services of the foundation."""
    name: str = setting(resource.urn, "namespace") or PROJECT
    return name


def _place(policy: PolicyResource) -> str | None:
    """The policy's namespace; None if it is unknown at preview."""
    path = ("metadata", "namespace")
    place: str | None = "default" if missing(policy.props, *path) else known(policy.props, *path)
    return place


def _closes(policy: PolicyResource, direction: str) -> bool:
    """Whether it selects all pods and has no rules."""
    spec = known(policy.props, "spec")
    everyone = not known(spec, "podSelector", "matchLabels") and not known(spec, "podSelector", "matchExpressions")
    types = known(spec, "policyTypes") or ([_IN] if missing(spec, "policyTypes") else list(_DIRECTIONS))
    return everyone and direction in known_items(types) and missing(spec, direction.lower())


_PRELUDE = """
def namespace(labels):
    kubernetes.core.v1.Namespace(name, metadata={"name": name, "labels": labels})

def closed(*directions):
    spec = {"podSelector": {}, "policyTypes": [*directions]}
    kubernetes.networking.v1.NetworkPolicy(f"{name}-closed", metadata={"name": "closed", "namespace": name}, spec=spec)

"""
_CLOSED = "closed('Ingress', 'Egress')"
_SAFE = '{"pod-security.kubernetes.io/enforce": "restricted"}'

RULES = (
    ResourceRule(
        name=POD_SECURITY,
        reason="Every namespace enforces a Pod Security level.",
        fix=f"label it {_ENFORCE}: restricted",
        check=_unsafe,
        refuses=f"{_PRELUDE}namespace({{}})\n{_CLOSED}",
        passes=f"{_PRELUDE}namespace({_SAFE})\n{_CLOSED}",
    ),
    StackRule(
        name="namespaces-closed-by-default",
        reason="Every namespace denies ingress and egress by default.",
        fix="add a NetworkPolicy that selects all pods, has policyTypes Ingress and Egress, and no rules",
        check=_open,
        refuses=f"{_PRELUDE}namespace({_SAFE})\nclosed('Ingress')",
        passes=f"{_PRELUDE}namespace({_SAFE})\n{_CLOSED}",
    ),
)

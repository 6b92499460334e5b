"""A namespace holds its pods to Pod Security, and closes them to all others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pulumi_policy import PolicyResource, ResourceValidationArgs

from infra.catalogue.names import PROJECT
from infra.tenancy.admission_exceptions import POD_SECURITY
from policies.declared import setting
from policies.pods import excepted
from policies.rule import ResourceRule, StackRule, differs, known, known_items, missing

_NAMESPACE = "kubernetes:core/v1:Namespace"
_NETWORK_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
_ENFORCE = "pod-security.kubernetes.io/enforce"
_LEVELS = {"restricted", "baseline"}
_IN, _OUT = "Ingress", "Egress"
_DIRECTIONS = {_IN: "let everybody in", _OUT: "reach everybody"}


def _unsafe(args: ResourceValidationArgs) -> Iterator[str]:
    if args.resource_type != _NAMESPACE or excepted(POD_SECURITY, args, "metadata", "name"):
        return
    if all(differs(args.props, "metadata", "labels", _ENFORCE, wanted=level) for level in _LEVELS):
        yield f"this namespace takes pods of any kind ({_ENFORCE})"


def _open(resources: Sequence[PolicyResource]) -> Iterator[tuple[PolicyResource, str]]:
    policies = [each for each in resources if each.resource_type == _NETWORK_POLICY]
    for direction, complaint in _DIRECTIONS.items():
        closed = {_place(policy) for policy in policies if _closes(policy, direction)}
        for namespace in resources:
            name = known(namespace.props, "metadata", "name") if namespace.resource_type == _NAMESPACE else None
            # A name that is not known yet may be any.
            if name is None or name in closed or None in closed or (direction == _OUT and name == _own(namespace)):
                continue
            yield namespace, f"pods of namespace '{name}' {complaint}"


def _own(resource: PolicyResource) -> str:
    """The platform's own namespace, whose programs talk to the cluster's API and to the place that it stands on."""
    name: str = setting(resource.urn, "namespace") or PROJECT
    return name


def _place(policy: PolicyResource) -> str | None:
    """The namespace, if it is known."""
    path = ("metadata", "namespace")
    place: str | None = "default" if missing(policy.props, *path) else known(policy.props, *path)
    return place


def _closes(policy: PolicyResource, direction: str) -> bool:
    """Whether it selects all pods and lets nobody through."""
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
        reason="Every namespace holds its pods to a level of Pod Security.",
        fix=f"label it {_ENFORCE}: restricted",
        check=_unsafe,
        refuses=f"{_PRELUDE}namespace({{}})\n{_CLOSED}",
        passes=f"{_PRELUDE}namespace({_SAFE})\n{_CLOSED}",
    ),
    StackRule(
        name="namespaces-closed-by-default",
        reason="Pods of a namespace reach nobody, and nobody reaches them, unless it says so.",
        fix="add a NetworkPolicy for all pods, of the types Ingress and Egress and without rules",
        check=_open,
        refuses=f"{_PRELUDE}namespace({_SAFE})\nclosed('Ingress')",
        passes=f"{_PRELUDE}namespace({_SAFE})\n{_CLOSED}",
    ),
)

"""A namespace holds its pods to Pod Security, and closes them to all others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pulumi_policy import PolicyResource, ResourceValidationArgs

from infra.admission.exceptions import POD_SECURITY
from policies.pods import excepted
from policies.rule import ResourceRule, StackRule, differs, known, missing

_NAMESPACE = "kubernetes:core/v1:Namespace"
_NETWORK_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
_ENFORCE = "pod-security.kubernetes.io/enforce"
_LEVELS = {"restricted", "baseline"}


def _unsafe(args: ResourceValidationArgs) -> Iterator[str]:
    if args.resource_type != _NAMESPACE or excepted(POD_SECURITY, args, "metadata", "name"):
        return
    if all(differs(args.props, "metadata", "labels", _ENFORCE, wanted=level) for level in _LEVELS):
        yield f"this namespace takes pods of any kind ({_ENFORCE})"


def _open(resources: Sequence[PolicyResource]) -> Iterator[tuple[PolicyResource, str]]:
    namespaces = [each for each in resources if each.resource_type == _NAMESPACE]
    policies = [each for each in resources if each.resource_type == _NETWORK_POLICY and _closes(each)]
    closed = {_place(policy) for policy in policies}
    for namespace in namespaces:
        name = known(namespace.props, "metadata", "name")
        # A name that is not known yet may be any.
        if name is not None and name not in closed and None not in closed:
            yield namespace, f"pods of namespace '{name}' are open to all others"


def _place(policy: PolicyResource) -> str | None:
    """The namespace, if it is known."""
    path = ("metadata", "namespace")
    place: str | None = "default" if missing(policy.props, *path) else known(policy.props, *path)
    return place


def _closes(policy: PolicyResource) -> bool:
    """Whether it selects all pods and lets nobody in."""
    spec = known(policy.props, "spec")
    everyone = not known(spec, "podSelector", "matchLabels") and not known(spec, "podSelector", "matchExpressions")
    return (
        everyone
        and "Ingress" in (known(spec, "policyTypes") or ["Ingress"])
        and missing(policy.props, "spec", "ingress")
    )


_PRELUDE = """
def namespace(labels):
    kubernetes.core.v1.Namespace(name, metadata={"name": name, "labels": labels})

def closed():
    spec = {"podSelector": {}, "policyTypes": ["Ingress"]}
    kubernetes.networking.v1.NetworkPolicy(f"{name}-closed", metadata={"name": "closed", "namespace": name}, spec=spec)

"""
_SAFE = '{"pod-security.kubernetes.io/enforce": "restricted"}'

RULES = (
    ResourceRule(
        name=POD_SECURITY,
        reason="Every namespace holds its pods to a level of Pod Security.",
        fix=f"label it {_ENFORCE}: restricted",
        check=_unsafe,
        refuses=f"{_PRELUDE}namespace({{}})\nclosed()",
        passes=f"{_PRELUDE}namespace({_SAFE})\nclosed()",
    ),
    StackRule(
        name="namespaces-closed-by-default",
        reason="Nobody reaches the pods of a namespace unless it says so.",
        fix="add a NetworkPolicy for all pods, of type Ingress and without rules",
        check=_open,
        refuses=f"{_PRELUDE}namespace({_SAFE})",
        passes=f"{_PRELUDE}namespace({_SAFE})\nclosed()",
    ),
)

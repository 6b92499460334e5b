"""Services don't expose pods to the whole internet."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs

from policies.rule import ResourceRule, known, known_items, missing

_ANY_ADDRESS = {"0.0.0.0/0", "::/0"}


def _findings(args: ResourceValidationArgs) -> Iterator[str]:
    spec = known(args.props, "spec")
    if args.resource_type != "kubernetes:core/v1:Service" or known(spec, "type") != "LoadBalancer":
        return
    if missing(args.props, "spec", "loadBalancerSourceRanges"):
        yield "this load balancer accepts traffic from any address"
    for network in known_items(known(spec, "loadBalancerSourceRanges")):
        if network in _ANY_ADDRESS:
            yield f"this load balancer accepts traffic from any address ({network})"


RULES = (
    ResourceRule(
        name="load-balancers-with-source-ranges",
        reason="Load balancers restrict their source ranges.",
        fix="set spec.loadBalancerSourceRanges to the networks of its users",
        check=_findings,
        refuses="""
kubernetes.core.v1.Service(
    name,
    metadata={"name": name, "namespace": "vision"},
    spec={"type": "LoadBalancer", "ports": [{"port": 443}], "selector": {"app": "server"}},
)
""",
        passes="""
kubernetes.core.v1.Service(
    name,
    metadata={"name": name, "namespace": "vision"},
    spec={
        "type": "LoadBalancer",
        "ports": [{"port": 443}],
        "selector": {"app": "server"},
        "loadBalancerSourceRanges": ["203.0.113.0/24"],
    },
)
""",
    ),
)

"""Nobody opens a door to the internet by a Service."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs

from policies.rule import ResourceRule, known, known_items, missing

_EVERYBODY = {"0.0.0.0/0", "::/0"}


def _findings(args: ResourceValidationArgs) -> Iterator[str]:
    spec = known(args.props, "spec")
    if args.resource_type != "kubernetes:core/v1:Service" or known(spec, "type") != "LoadBalancer":
        return
    if missing(args.props, "spec", "loadBalancerSourceRanges"):
        yield "this load balancer answers everybody"
    for network in known_items(known(spec, "loadBalancerSourceRanges")):
        if network in _EVERYBODY:
            yield f"this load balancer answers everybody ({network})"


RULES = (
    ResourceRule(
        name="load-balancers-with-source-ranges",
        reason="A load balancer says whom it answers.",
        fix="set spec.loadBalancerSourceRanges to the networks that its users come from",
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

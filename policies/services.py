"""Services don't expose pods to the whole internet."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs

from infra.catalogue.networks import is_anybody
from policies.rule import ResourceRule, known, known_items, missing


def _findings(args: ResourceValidationArgs) -> Iterator[str]:
    spec = known(args.props, "spec")
    if args.resource_type != "kubernetes:core/v1:Service" or known(spec, "type") != "LoadBalancer":
        return
    if missing(args.props, "spec", "loadBalancerSourceRanges"):
        yield "this load balancer accepts traffic from any address"
    networks = list(known_items(known(spec, "loadBalancerSourceRanges")))
    if is_anybody(networks):
        yield f"this load balancer accepts traffic from any address ({', '.join(map(str, networks))})"


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

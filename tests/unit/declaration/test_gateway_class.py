"""A GatewayClass that exists already: what the platform's own proxies alone can do is refused, and so is their size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.declaration.loader import declare
from tests.unit.declaration.samples import in_cluster, on_aws, refusal, refused

AT = "Pulumi.dev.yaml: platform."
CERTIFICATE = "arn:aws:acm:eu-central-1:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef"
THEIRS = "those of GatewayClass 'eg' are used; set it in the EnvoyProxy of the class, and remove this"
MEASURED = "measured at the platform's own proxies only, and GatewayClass 'eg' has others"


def existing(**changes: object) -> dict[str, Any]:
    """Of a cluster with Envoy Gateway, with an exposed endpoint."""
    secrets = {name: {"team": "platform"} for name in ("push", "pull")}
    return in_cluster(
        **{
            "gateway": {"gatewayClassName": "eg"},
            "secrets": {**secrets, "ci": {"team": "vision", "generate": True}},
            "serving.digits.expose": {"host": "digits.example.com", "callers": ["ci"]},
            **changes,
        }
    )


def test_an_existing_class_needs_no_load_balancer_and_its_proxies_are_where_envoy_gateway_puts_them(root: Path) -> None:
    for declaration in (existing(), on_aws(gateway={"gatewayClassName": "eg"})):
        gateway = declare(declaration, "Pulumi.dev.yaml", root).gateway
        assert gateway is not None
        assert (gateway.gateway_class_name, gateway.proxy_namespace) == ("eg", "envoy-gateway-system")


def test_canaries_get_their_part_and_callers_their_limit(root: Path) -> None:
    canary = {"serving.digits.canary": {"version": 2, "percent": 10}}
    limit = {"serving.digits.expose.rateLimit": {"requests": 5}}
    assert declare(existing(**canary, **limit), "Pulumi.dev.yaml", root).gateway is not None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gateway.replicas": 2}, f"gateway.replicas: the platform deploys no proxies, {THEIRS}"),
        (
            {"gateway.cluster": {"sourceCidrs": ["203.0.113.0/24"]}},
            f"gateway.cluster: the platform creates no load balancer or ports, {THEIRS}",
        ),
        ({"gateway.local": {}}, f"gateway.local: the platform creates no load balancer or ports, {THEIRS}"),
        (
            {"gateway.proxyNamespace": "ml-platform-gateway"},
            "gateway.proxyNamespace: the admission policies of 'ml-platform-gateway' would refuse the proxies' image; "
            "let Envoy Gateway run them in its own namespace (deploy type ControllerNamespace), and write that",
        ),
        (
            {"gateway.proxyNamespace": "vision"},
            "gateway.proxyNamespace: the admission policies of 'vision' would refuse the proxies' image; let Envoy "
            "Gateway run them in its own namespace (deploy type ControllerNamespace), and write that",
        ),
        (
            {"gateway.gatewayClassName": "Envoy Gateway"},
            "gateway.gatewayClassName: 'Envoy Gateway' is not the name of a GatewayClass; write one that `kubectl get "
            "gatewayclasses` lists",
        ),
        (
            {"serving.digits.replicas": {"min": 0, "max": 2}},
            f"serving.digits.replicas: the requests by which endpoints are scaled are {MEASURED}; write a number, or "
            "remove gateway.gatewayClassName",
        ),
        (
            {"serving.digits.replicas": {"min": 1, "max": 2}, "serving.digits.scaleOn": {"latency": "300ms"}},
            f"serving.digits.replicas: the requests by which endpoints are scaled are {MEASURED}; write a number, or "
            "remove gateway.gatewayClassName",
        ),
        (
            {"serving.digits.canary": {"version": 2, "percent": 10, "rollback": {}}, "monitoring": {}},
            f"serving.digits.canary.rollback: the requests by which canaries are compared are {MEASURED}; remove "
            "this, or gateway.gatewayClassName",
        ),
    ],
)
def test_what_has_no_effect_with_an_existing_class_is_refused(
    root: Path, changes: dict[str, Any], message: str
) -> None:
    assert refusal(root, existing(**changes)) == [f"{AT}{message}"]


def test_the_load_balancer_on_aws_is_that_of_the_class(root: Path) -> None:
    gateway = {"gatewayClassName": "eg", "aws": {"certificate": CERTIFICATE}}
    assert refusal(root, on_aws(gateway=gateway)) == [
        f"{AT}gateway.aws: the platform creates no load balancer or ports, {THEIRS}"
    ]


def test_a_namespace_of_proxies_is_that_of_an_existing_class(root: Path) -> None:
    message = (
        "does nothing without gateway.gatewayClassName: the platform deploys its own proxies; write it, or remove this"
    )
    gateway = {"proxyNamespace": "envoy", "cluster": {"sourceCidrs": ["203.0.113.0/24"]}}
    assert refusal(root, in_cluster(gateway=gateway)) == [f"{AT}gateway.proxyNamespace: {message}"]


def test_the_local_cluster_has_no_other_envoy_gateway(root: Path) -> None:
    message = "the cluster of the local foundation has no Envoy Gateway of its own; remove it"
    assert refused(root, gateway={"gatewayClassName": "eg"}) == [f"{AT}gateway.gatewayClassName: {message}"]

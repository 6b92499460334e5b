"""A GatewayClass that exists already is used by the platform's Gateway, routes and policies, and nothing else of Envoy
Gateway is the platform's."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.unit.components.recorder import Recorder, behind, created, inputs, platform
from tests.unit.components.test_gateway_pages import HOSTS, PORTS
from tests.unit.declaration.samples import on_aws
from tests.unit.declaration.test_gateway_class import existing

STANDARD, ENVOY = "kubernetes:gateway.networking.k8s.io/v1:", "kubernetes:gateway.envoyproxy.io/v1alpha1:"
GRANT = "kubernetes:gateway.networking.k8s.io/v1beta1:ReferenceGrant"
NETWORK_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
SECRET = "kubernetes:core/v1:Secret"
VALUES = {"push": "p", "pull": "p"}
OWN = {"cluster": {"sourceCidrs": ["203.0.113.0/24"]}}
OWNED = {
    "app.kubernetes.io/managed-by": "envoy-gateway",
    "gateway.envoyproxy.io/owning-gateway-name": "gateway",
    "gateway.envoyproxy.io/owning-gateway-namespace": "ml-platform-gateway",
}
"""Labels that Envoy Gateway gives to the proxies of a Gateway."""


def with_pages(**changes: object) -> dict[str, Any]:
    pages = {"gateway.hosts": HOSTS, "monitoring": {"grafana": {"deployed": {}}}}
    return existing(**pages, **changes)


def namespaced(recorder: Recorder, namespace: str) -> list[tuple[str, str]]:
    """Kind and name of all objects in a namespace."""
    return sorted(
        (each.type.rpartition(":")[2], each.name)
        for each in recorder.resources
        if each.inputs.get("metadata", {}).get("namespace") == namespace
    )


def installed(recorder: Recorder) -> list[str]:
    """What there is of an Envoy Gateway and its class."""
    kinds = {
        *(f"{STANDARD}GatewayClass", f"{ENVOY}EnvoyProxy", "ml-platform:index:GatewayDefinitions"),
        "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition",
    }
    named = ("gateway", "envoy", "envoy-gateway", "envoy-metrics", "envoy-oidc-hmac")
    within = ("Deployment", "Image", "Secret", "Service", "ServiceAccount")
    return [
        each.type.rpartition(":")[2]
        for each in recorder.resources
        if each.type in kinds or (each.name in named and each.type.rpartition(":")[2] in within)
    ]


def test_the_gateway_has_the_class_and_nothing_of_envoy_gateway_is_installed() -> None:
    recorder = platform(existing(), **VALUES)
    assert inputs(recorder, f"{STANDARD}Gateway", "gateway-gateway")["spec"]["gatewayClassName"] == "eg"
    assert installed(recorder) == []
    assert namespaced(recorder, "ml-platform-gateway") == [
        ("ClientTrafficPolicy", "gateway-gateway"),
        ("Gateway", "gateway-gateway"),
        ("HTTPRoute", "gateway-to-https"),
        ("NetworkPolicy", "ml-platform-gateway-default-deny"),
        ("Secret", "gateway-certificate"),
        ("Secret", "ml-platform-gateway-registry"),
        ("ServiceAccountPatch", "ml-platform-gateway-default"),
    ]


def test_without_one_the_platform_installs_its_own() -> None:
    recorder = platform(existing(gateway=OWN), **VALUES)
    assert {"CustomResourceDefinition", "Deployment", "EnvoyProxy", "GatewayClass", "Image", "Secret"} <= {
        *installed(recorder)
    }


def test_the_address_is_that_of_the_gateway_and_is_waited_for() -> None:
    recorder = platform(existing(), **VALUES)
    annotations = inputs(recorder, f"{STANDARD}Gateway", "gateway-gateway")["metadata"]["annotations"]
    assert annotations == {"pulumi.com/waitFor": "condition=Programmed"}
    assert recorder.outputs["gateway"]["address"] == "203.0.113.7"
    assert "BEGIN CERTIFICATE" in recorder.outputs["gateway"]["trusted"]
    assert recorder.outputs["endpoints"]["digits"]["url"] == "https://digits.example.com"


def test_the_platform_s_own_gateway_has_no_address_before_its_proxies() -> None:
    recorder = platform(existing(gateway=OWN), **VALUES)
    gateway = inputs(recorder, f"{STANDARD}Gateway", "gateway-gateway")
    assert gateway["spec"]["gatewayClassName"] == "ml-platform"
    assert "annotations" not in gateway["metadata"], "it would be waited for forever: proxies come after it"


@pytest.mark.parametrize("namespace", ["envoy-gateway-system", "edge"])
def test_an_endpoint_is_reached_by_the_proxies_of_its_gateway_alone(namespace: str) -> None:
    canary = {"serving.digits.canary": {"version": 7, "percent": 10}}
    recorder = platform(existing(**canary, **{"gateway.proxyNamespace": namespace}), **VALUES)
    for name in ("digits", "digits-canary"):
        (rule,) = inputs(recorder, NETWORK_POLICY, f"vision-{name}-gateway")["spec"]["ingress"]
        (peer,) = rule["from"]
        assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": namespace}
        assert peer["podSelector"]["matchLabels"] == OWNED
        assert [each["port"] for each in rule["ports"]] == [8080]


def test_the_namespace_of_the_gateway_has_no_pods_and_lets_none_in() -> None:
    recorder = platform(existing(), **VALUES)
    spec = inputs(recorder, NETWORK_POLICY, "ml-platform-gateway-default-deny")["spec"]
    assert spec == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_a_route_comes_after_who_may_take_it_and_has_all_its_policies() -> None:
    limited = {"serving.digits.expose.rateLimit": {"requests": 5}}
    recorder = platform(existing(**limited), **VALUES)
    before = behind(recorder, f"{STANDARD}HTTPRoute", "digits")
    assert {"digits", "vision-digits-callers", "vision-digits-gateway", "gateway-gateway"} <= before
    assert created(recorder, f"{ENVOY}SecurityPolicy") == ["digits"]
    traffic = inputs(recorder, f"{ENVOY}BackendTrafficPolicy", "digits")["spec"]
    assert {"requestBuffer", "timeout", "retry", "rateLimit"} <= traffic.keys()
    clients = inputs(recorder, f"{ENVOY}ClientTrafficPolicy", "gateway-gateway")["spec"]
    assert "X-Caller" in clients["headers"]["earlyRequestHeaders"]["remove"]


def test_routes_to_pages_name_their_services_with_a_grant() -> None:
    recorder = platform(with_pages(), **VALUES)
    assert created(recorder, f"{ENVOY}Backend") == [], "existing controllers have them switched off"
    grant = inputs(recorder, GRANT, "gateway-pages")
    assert grant["metadata"]["namespace"] == "ml-platform"
    (from_,) = grant["spec"]["from"]
    assert (from_["kind"], from_["namespace"]) == ("HTTPRoute", "ml-platform-gateway")
    assert [each["name"] for each in grant["spec"]["to"]] == [*HOSTS]
    for name, port in PORTS.items():
        (rule,) = inputs(recorder, f"{STANDARD}HTTPRoute", f"gateway-{name}")["spec"]["rules"]
        assert rule["backendRefs"] == [{"name": name, "namespace": "ml-platform", "port": port}]
        service = inputs(recorder, "kubernetes:core/v1:Service", name)
        assert port in [each["port"] for each in service["spec"]["ports"]]
        assert "gateway-pages" in behind(recorder, f"{STANDARD}HTTPRoute", f"gateway-{name}")
        (rule,) = inputs(recorder, NETWORK_POLICY, f"ml-platform-{name}-gateway")["spec"]["ingress"]
        assert rule["from"][0]["podSelector"]["matchLabels"] == OWNED
    assert recorder.outputs["tracking"]["url"] == "https://mlflow.example.com"


def test_prometheus_does_not_look_for_proxies_that_are_not_the_platform_s() -> None:
    def jobs(**changes: object) -> list[str]:
        recorder = platform(existing(monitoring={}, **changes), **VALUES)
        files = inputs(recorder, "kubernetes:core/v1:ConfigMap", "prometheus")["data"]
        return [each["job_name"] for each in yaml.safe_load(files["prometheus.yml"])["scrape_configs"]]

    assert [each for each in jobs(gateway=OWN) if each not in jobs()] == ["gateway"]


def test_on_aws_callers_see_the_stack_s_own_certificate() -> None:
    expose = {"host": "digits.example.com", "callers": ["ci"]}
    declared = on_aws(
        gateway={"gatewayClassName": "eg"},
        **{"secrets": {"ci": {"team": "vision", "generate": True}}, "serving.digits.expose": expose},
    )
    recorder = platform(declared)
    assert created(recorder, f"{STANDARD}Gateway") == ["gateway-gateway"]
    assert "BEGIN CERTIFICATE" in recorder.outputs["gateway"]["trusted"]
    assert "envoy" not in created(recorder, "kubernetes:core/v1:Service")

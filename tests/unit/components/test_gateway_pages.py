"""Pages of the platform behind the gateway: reached by the proxies alone, and the controller sees nothing of them."""

from __future__ import annotations

from typing import Any

from infra.networking.gateway import CONTROLLER, PODS
from tests.unit.components.recorder import behind, created, inputs, platform
from tests.unit.declaration.samples import small

STANDARD, ENVOY = "kubernetes:gateway.networking.k8s.io/v1:", "kubernetes:gateway.envoyproxy.io/v1alpha1:"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
HOSTS = {"tracking": "mlflow.example.com", "status": "status.example.com", "grafana": "grafana.example.com"}
PORTS = {"tracking": 5000, "status": 8080, "grafana": 3000}


def with_pages(**changes: object) -> dict[str, Any]:
    return {"gateway": {"hosts": HOSTS}, "monitoring": {"grafana": {"deployed": {}}}, **changes}


def test_each_page_has_a_route_in_the_gateway_s_namespace_after_the_policy_that_lets_it_through() -> None:
    recorder = platform(small(**with_pages()))
    for name, host in HOSTS.items():
        route = inputs(recorder, f"{STANDARD}HTTPRoute", f"gateway-{name}")
        assert route["metadata"]["namespace"] == "ml-platform-gateway"
        assert route["spec"]["hostnames"] == [host]
        (rule,) = route["spec"]["rules"]
        assert rule["backendRefs"] == [{"group": "gateway.envoyproxy.io", "kind": "Backend", "name": name}]
        (endpoint,) = inputs(recorder, f"{ENVOY}Backend", f"gateway-{name}")["spec"]["endpoints"]
        assert endpoint["fqdn"] == {"hostname": f"{name}.ml-platform.svc.cluster.local", "port": PORTS[name]}
        assert {"gateway", f"ml-platform-{name}-gateway"} <= behind(recorder, f"{STANDARD}HTTPRoute", f"gateway-{name}")


def test_what_a_page_reads_before_it_asks_for_a_login_is_limited() -> None:
    recorder = platform(small(**with_pages()))
    for name in HOSTS:
        policy = inputs(recorder, f"{ENVOY}BackendTrafficPolicy", f"gateway-{name}")["spec"]
        assert policy["targetRefs"] == [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": name}]
        assert policy["requestBuffer"] == {"limit": "2097152"}
    files = inputs(recorder, f"{STANDARD}HTTPRoute", "gateway-tracking-files")["spec"]["rules"][0]["matches"]
    assert [each["path"]["value"] for each in files] == [
        "/api/2.0/mlflow-artifacts/artifacts",
        "/ajax-api/2.0/mlflow-artifacts/artifacts",
    ]


def test_proxies_alone_reach_a_page_and_only_on_its_port() -> None:
    recorder = platform(small(**with_pages()))
    for name, port in PORTS.items():
        policy = inputs(recorder, POLICY, f"ml-platform-{name}-gateway")["spec"]
        pods = inputs(recorder, "kubernetes:apps/v1:Deployment", name)["spec"]["selector"]["matchLabels"]
        assert policy["podSelector"]["matchLabels"] == pods
        (rule,) = policy["ingress"]
        assert [(each["protocol"], each["port"]) for each in rule["ports"]] == [("TCP", port)]
        (peer,) = rule["from"]
        assert peer["podSelector"]["matchLabels"] == PODS.proxies
    egress = inputs(recorder, POLICY, "ml-platform-gateway-proxies")["spec"]["egress"]
    ports = [[each["port"] for each in rule.get("ports", [])] for rule in egress]
    assert [each for each in ports if each in ([5000], [8080], [3000])] == [[5000], [8080], [3000]]


def test_the_controller_reads_nothing_in_the_platform_s_namespace() -> None:
    recorder = platform(small(**with_pages()))
    bound = [
        each
        for each in created(recorder, "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding")
        if each.endswith(f"-{CONTROLLER}")
    ]
    assert bound == [f"ml-platform-gateway-ml-platform-gateway-{CONTROLLER}"]


def test_pages_know_their_url() -> None:
    recorder = platform(small(**with_pages()))
    (container,) = inputs(recorder, "kubernetes:apps/v1:Deployment", "tracking")["spec"]["template"]["spec"][
        "containers"
    ]
    env = {each["name"]: each.get("value") for each in container["env"]}
    assert "mlflow.example.com:8443" in env["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")
    assert env["MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"] == "https://mlflow.example.com:8443"
    (container,) = inputs(recorder, "kubernetes:apps/v1:Deployment", "grafana")["spec"]["template"]["spec"][
        "containers"
    ]
    assert {"name": "GF_SERVER_ROOT_URL", "value": "https://grafana.example.com:8443"} in container["env"]
    for name, host in HOSTS.items():
        assert recorder.outputs[name]["url"] == f"https://{host}:8443"


def test_without_hosts_nothing_leads_to_pages() -> None:
    recorder = platform(small(**with_pages(gateway={})))
    assert created(recorder, f"{ENVOY}Backend") == []
    assert [
        each for each in created(recorder, POLICY) if each in {f"ml-platform-{name}-gateway" for name in HOSTS}
    ] == []
    assert "url" not in recorder.outputs["tracking"]

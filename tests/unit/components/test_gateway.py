"""The gateway: nobody is let in before somebody asks for keys, its controller changes nothing of teams, canaries get
their part."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from infra.catalogue.names import ROLLBACK_WINDOW_ANNOTATION, SCALED_ANNOTATION
from infra.networking.gateway import CONTROLLER, UNDIVIDED
from infra.workloads.definitions import ANYTHING, bare
from tests.unit.components.recorder import Recorder, behind, created, inputs, platform, pods
from tests.unit.components.test_pods import env
from tests.unit.declaration.samples import REPOSITORY, on_aws, small

MOST, LEAST = UNDIVIDED
STANDARD, ENVOY = "kubernetes:gateway.networking.k8s.io/v1:", "kubernetes:gateway.envoyproxy.io/v1alpha1:"
RBAC = "kubernetes:rbac.authorization.k8s.io/v1:"
DEPLOYMENT, SERVICE = "kubernetes:apps/v1:Deployment", "kubernetes:core/v1:Service"
POLICY = "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy"
CERTIFICATE = "arn:aws:acm:eu-central-1:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef"


def exposed(**changes: object) -> dict[str, Any]:
    return {
        "gateway": {},
        "secrets": {"ci": {"team": "vision", "generate": True}},
        "serving.digits.expose": {"host": "digits.example.com", "path": "/v1/digits", "callers": ["ci"]},
        **changes,
    }


def test_without_a_gateway_there_is_nothing_of_it() -> None:
    recorder = platform(small())
    assert [each.name for each in recorder.resources if "gateway" in f"{each.type} {each.name}"] == []


def test_a_route_comes_after_who_may_take_it_and_after_the_pods() -> None:
    recorder = platform(small(**exposed()))
    before = behind(recorder, f"{STANDARD}HTTPRoute", "digits")
    assert {"digits", "vision-digits-callers", "vision-digits-gateway", "gateway"} <= before
    policy = inputs(recorder, f"{ENVOY}SecurityPolicy", "digits")["spec"]
    assert policy["apiKeyAuth"]["credentialRefs"] == [{"group": "", "kind": "Secret", "name": "digits-callers"}]
    keys = inputs(recorder, "kubernetes:core/v1:Secret", "vision-digits-callers")["stringData"]
    assert sorted(keys) == ["ci", "ci.next", "ci.previous"]
    assert len({*keys.values()}) == 3


def test_the_endpoint_sees_the_path_behind_its_own() -> None:
    route = inputs(platform(small(**exposed())), f"{STANDARD}HTTPRoute", "digits")
    assert route["metadata"]["namespace"] == "vision"
    (rule,) = route["spec"]["rules"]
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/v1/digits/v2"}}]
    rewrite = {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/v2"}}
    assert rule["filters"] == [{"type": "URLRewrite", "urlRewrite": rewrite}]
    assert {(each["name"], each["port"]) for each in rule["backendRefs"]} == {("digits", 8080)}


def test_each_release_has_a_filter_of_its_own_and_by_it_metrics_of_its_own() -> None:
    recorder = platform(small(**exposed(**{"serving.digits.canary": {"version": 7, "percent": 100}})))
    (rule,) = inputs(recorder, f"{STANDARD}HTTPRoute", "digits")["spec"]["rules"]
    marks = [each["filters"][0]["requestHeaderModifier"]["set"] for each in rule["backendRefs"]]
    assert marks == [[{"name": "X-Release", "value": release}] for release in ("stable", "canary")]


@pytest.mark.parametrize(
    ("canary", "parts"),
    [
        (None, [("digits", MOST), ("digits", LEAST)]),
        ({"version": 7, "percent": 0}, [("digits", MOST), ("digits", LEAST)]),
        ({"version": 7, "percent": 1}, [("digits", 99), ("digits-canary", 1)]),
        ({"version": 7, "percent": 100}, [("digits-canary", LEAST), ("digits-canary", MOST)]),
    ],
)
def test_a_route_has_two_backends_at_any_time(canary: Mapping[str, int] | None, parts: list[tuple[str, int]]) -> None:
    """One that comes or goes is unknown to the proxy for a moment, and one of weight 0 to its controller."""
    assert _parts(platform(small(**exposed(**({"serving.digits.canary": canary} if canary else {}))))) == parts


def _parts(recorder: Recorder) -> list[tuple[str, int]]:
    (rule,) = inputs(recorder, f"{STANDARD}HTTPRoute", "digits")["spec"]["rules"]
    return [(each["name"], each["weight"]) for each in rule["backendRefs"]]


def test_another_canary_changes_the_route_whatever_its_part() -> None:
    def route(version: int) -> Any:
        canary = {"version": version, "percent": 10, "rollback": {"window": "90s"}}
        found = platform(small(**exposed(monitoring={}, **{"serving.digits.canary": canary})))
        return inputs(found, f"{STANDARD}HTTPRoute", "digits")["metadata"]["annotations"]

    seven, eight = route(7), route(8)
    assert seven["ml-platform.io/canary"].startswith("version 7 in ")
    assert {**seven, "ml-platform.io/canary": ""} == {**eight, "ml-platform.io/canary": ""}
    assert seven != eight
    assert seven["ml-platform.io/rollback-window"] == "90"
    assert seven["pulumi.com/patchForce"] == "true"


def test_what_takes_canaries_back_can_do_it_to_declaring_teams_and_nothing_else() -> None:
    canary = {"version": 7, "percent": 10}
    unwatched = platform(small(**exposed(monitoring={}, **{"serving.digits.canary": canary})))
    assert "canary-rollback" not in created(unwatched, DEPLOYMENT)
    watched = {**canary, "rollback": {}}
    recorder = platform(small(**exposed(monitoring={}, **{"serving.digits.canary": watched})))
    role = inputs(recorder, f"{RBAC}ClusterRole", "ml-platform-canary-rollback")
    (rule,) = role["rules"]
    assert (rule["resources"], rule["verbs"]) == (["httproutes"], ["get", "patch"])
    bound = [each for each in created(recorder, f"{RBAC}RoleBinding") if each.endswith("canary-rollback")]
    assert bound == ["vision-ml-platform-canary-rollback"]
    policy = inputs(recorder, POLICY, "canaries-rolled-back")["spec"]
    who = "request.userInfo.username == 'system:serviceaccount:ml-platform:canary-rollback'"
    assert policy["matchConditions"][0]["expression"] == who


def test_prometheus_compares_a_canary_by_what_it_declares() -> None:
    canary = {"version": 7, "percent": 10, "rollback": {"errorRate": "3%", "latency": "150%", "window": "90s"}}
    recorder = platform(small(**exposed(monitoring={}, **{"serving.digits.canary": canary})))
    files = inputs(recorder, "kubernetes:core/v1:ConfigMap", "prometheus")["data"]
    rules = [rule for group in yaml.safe_load(files["rules.yml"])["groups"] for rule in group["rules"]]
    recorded = {rule["record"]: rule["expr"] for rule in rules if rule.get("record", "").startswith("canary:")}
    assert recorded["canary:max_more_errors:ratio"] == "vector(0.03)"
    assert recorded["canary:max_more_latency:ratio"] == "vector(1.5)"
    assert all("[90s]" in recorded[f"canary:more_{what}:ratio"] for what in ("errors", "latency"))
    (scraped,) = [
        each for each in yaml.safe_load(files["prometheus.yml"])["scrape_configs"] if each["job_name"] == "gateway"
    ]
    assert scraped["kubernetes_sd_configs"][0]["namespaces"]["names"] == ["ml-platform-gateway"]


def test_a_limit_is_of_each_caller() -> None:
    limited = exposed(**{"serving.digits.expose.rateLimit": {"requests": 5, "per": "minute"}})
    traffic = inputs(platform(small(**limited)), f"{ENVOY}BackendTrafficPolicy", "digits")["spec"]
    by_caller = {"clientSelectors": [{"headers": [{"name": "X-Caller", "type": "Distinct"}]}]}
    assert traffic["rateLimit"]["local"]["rules"] == [{**by_caller, "limit": {"requests": 5, "unit": "Minute"}}]
    assert traffic["routingType"] == "Service"


CONFIG_MAP = "kubernetes:core/v1:ConfigMap"


def test_servers_count_by_the_names_of_callers_and_another_caller_replaces_no_pods() -> None:
    two = {"ci": {"team": "vision", "generate": True}, "web": {"team": "vision", "generate": True}}
    expose = {"host": "digits.example.com", "callers": ["ci", "web"]}
    one, other = (
        platform(small(**exposed())),
        platform(small(**exposed(secrets=two, **{"serving.digits.expose": expose}))),
    )
    texts = [inputs(each, CONFIG_MAP, "digits-callers")["data"] for each in (one, other)]
    assert texts == [{"names": "ci\n"}, {"names": "ci\nweb\n"}]
    assert inputs(one, DEPLOYMENT, "digits") == inputs(other, DEPLOYMENT, "digits")
    assert _callers_file(one) == "/etc/callers/names"
    (mounted,) = [each for each in pods(one)["Deployment digits"]["spec"]["volumes"] if each["name"] == "callers"]
    assert mounted["configMap"]["name"] == "digits-callers"
    assert "digits-callers" in behind(one, DEPLOYMENT, "digits")


def test_nothing_is_counted_by_caller_where_the_endpoint_itself_asks_for_a_key() -> None:
    own = {"serving.digits.apiKey": "ci", "serving.digits.expose": {"host": "digits.example.com"}}
    recorder = platform(small(**exposed(**own)))
    assert _callers_file(recorder) is None
    assert "digits-callers" not in created(recorder, CONFIG_MAP)


def test_copies_of_requests_count_for_no_caller() -> None:
    def counts(**canary: object) -> bool:
        recorder = platform(small(**exposed(**{"serving.digits.canary": {"version": 7, **canary}})))
        assert _callers_file(recorder) is not None
        return _callers_file(recorder, "digits-canary") is not None

    assert counts(percent=10)
    assert not counts(percent=0, mirror=True)


def _callers_file(recorder: Recorder, name: str = "digits") -> str | None:
    return env(pods(recorder)[f"Deployment {name}"]).get("CALLERS_FILE")


def test_a_canary_gets_its_part_after_its_pods_are_there() -> None:
    recorder = platform(small(**exposed(**{"serving.digits.canary": {"version": 7, "percent": 10}})))
    assert _parts(recorder) == [("digits", 90), ("digits-canary", 10)]
    assert "digits-canary" in behind(recorder, f"{STANDARD}HTTPRoute", "digits")
    uris = {name: _uri(inputs(recorder, "kubernetes:apps/v1:Deployment", name)) for name in ("digits", "digits-canary")}
    assert uris == {"digits": "models:/digits@champion", "digits-canary": "models:/digits/7"}


def test_a_canary_without_a_part_gets_copies_at_most() -> None:
    shadow = {"version": 7, "percent": 0, "mirror": True}
    recorder = platform(small(**exposed(**{"serving.digits.canary": shadow})))
    (rule,) = inputs(recorder, f"{STANDARD}HTTPRoute", "digits")["spec"]["rules"]
    assert {each["name"] for each in rule["backendRefs"]} == {"digits"}
    mirror = {"backendRef": {"name": "digits-canary", "port": 8080}}
    assert {"type": "RequestMirror", "requestMirror": mirror} in rule["filters"]


def test_a_canary_that_gets_copies_compares_its_answers_with_those_of_all_pods_and_replaces_none() -> None:
    shadow, part = (
        platform(small(**exposed(**{"serving.digits.canary": {"version": 7, **canary}})))
        for canary in ({"percent": 0, "mirror": True}, {"percent": 10})
    )
    assert env(pods(shadow)["Deployment digits-canary"])["STABLE_PODS"] == "digits-pods:8080"
    assert "STABLE_PODS" not in env(pods(part)["Deployment digits-canary"])
    assert inputs(shadow, DEPLOYMENT, "digits") == inputs(part, DEPLOYMENT, "digits")
    found = inputs(shadow, SERVICE, "digits-pods")
    assert (found["metadata"]["namespace"], found["spec"]["clusterIP"]) == ("vision", "None")
    assert found["spec"]["selector"] == inputs(shadow, DEPLOYMENT, "digits")["spec"]["selector"]["matchLabels"]
    assert found["spec"]["publishNotReadyAddresses"], "a pod that ends has answers that were not compared yet"
    assert "digits-pods" not in created(part, SERVICE)


def test_what_scales_endpoints_knows_their_bounds_and_reaches_no_other_deployment() -> None:
    scaled: dict[str, Any] = {"serving.digits.replicas": {"min": 0, "max": 4, "scaleDownAfter": "90s"}}
    scaled["serving.digits.scaleOn"] = {"latency": "300ms"}
    recorder = platform(small(**exposed(**scaled)))
    deployment = inputs(recorder, DEPLOYMENT, "digits")
    assert deployment["spec"]["replicas"] == 1, "at first"
    assert deployment["metadata"]["annotations"]["ml-platform.io/scaled"] == "true"
    bounds = json.loads(inputs(recorder, "kubernetes:core/v1:ConfigMap", "autoscaler")["data"]["endpoints.json"])
    assert bounds == [
        {
            "namespace": "vision",
            "name": "digits",
            "min": 0,
            "max": 4,
            "requestsInFlight": 16,
            "scaleDownAfter": 90,
            "latency": 0.3,
        }
    ]
    rights = {
        (resource, verb)
        for rule in inputs(recorder, f"{RBAC}ClusterRole", "ml-platform-autoscaler")["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert rights == {("deployments", "get"), ("deployments/scale", "patch")}
    variables = inputs(recorder, POLICY, "scaled-endpoints")["spec"]["variables"]
    assert {"name": "most", "expression": '{"vision/digits": 4}'} in variables


def test_a_call_to_an_endpoint_that_sleeps_is_held_and_never_sent_twice_to_a_server() -> None:
    def retries(replicas: object) -> Any:
        changed = {"serving.digits.replicas": replicas, "serving.digits.expose.timeout": "40s"}
        recorder = platform(small(**exposed(**changed)))
        return inputs(recorder, f"{ENVOY}BackendTrafficPolicy", "digits")["spec"]["retry"]

    sleeping, awake = retries({"min": 0, "max": 2}), retries({"min": 1, "max": 2})
    assert (sleeping["numRetries"], awake["numRetries"]) == (60, 3)
    assert "reset" not in sleeping["retryOn"]["triggers"]


def test_the_images_know_the_annotations_and_variables_that_they_read() -> None:
    code = REPOSITORY / "images/controllers/controllers"
    assert '"STABLE_PODS"' in (REPOSITORY / "images/serving/serving/__main__.py").read_text()
    assert f'"{SCALED_ANNOTATION}"' in (code / "autoscaler.py").read_text()
    assert f'"{ROLLBACK_WINDOW_ANNOTATION}"' in (code / "canaries.py").read_text()


def test_an_endpoint_with_a_number_of_pods_has_nothing_that_scales_it() -> None:
    recorder = platform(small(**exposed(**{"serving.digits.replicas": 3})))
    assert inputs(recorder, DEPLOYMENT, "digits")["spec"]["replicas"] == 3
    assert "autoscaler" not in created(recorder, DEPLOYMENT)


def _uri(deployment: dict[str, Any]) -> str:
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return next(str(each["value"]) for each in container["env"] if each["name"] == "MODEL_URI")


def test_the_controller_changes_status_only() -> None:
    recorder = platform(small(**exposed()))
    everywhere = inputs(recorder, f"{RBAC}ClusterRole", f"ml-platform-gateway-{CONTROLLER}-nodes")["rules"]
    changed = {each for rule in everywhere if {*rule["verbs"]} - {"get", "list", "watch"} for each in rule["resources"]}
    assert changed == {"gatewayclasses", "gatewayclasses/status"}
    inside = inputs(recorder, f"{RBAC}ClusterRole", f"ml-platform-gateway-{CONTROLLER}")["rules"]
    writes = {each for rule in inside if {*rule["verbs"]} - {"get", "list", "watch"} for each in rule["resources"]}
    assert all(each.endswith("/status") for each in writes)
    bound = [each for each in created(recorder, f"{RBAC}RoleBinding") if each.endswith(f"-{CONTROLLER}")]
    assert bound == [f"{each}-ml-platform-gateway-{CONTROLLER}" for each in ("ml-platform-gateway", "vision")]


def test_the_controller_finds_the_address_of_the_gateway_in_one_service() -> None:
    owner, recorder = "gateway.envoyproxy.io/owning-gateway-name", platform(small(**exposed()))
    services = {each.name: each.inputs for each in recorder.resources if each.type == "kubernetes:core/v1:Service"}
    assert [name for name, found in services.items() if owner in found["metadata"]["labels"]] == ["envoy"]


def test_the_load_balancer_is_internal_and_has_the_declared_certificate() -> None:
    recorder = platform(on_aws(**exposed(gateway={"aws": {"certificate": CERTIFICATE}})))
    service = inputs(recorder, "kubernetes:core/v1:Service", "envoy")
    prefix = "service.beta.kubernetes.io/aws-load-balancer"
    annotations = service["metadata"]["annotations"]
    assert annotations[f"{prefix}-scheme"] == "internal"
    assert annotations[f"{prefix}-ssl-cert"] == CERTIFICATE
    assert service["spec"]["loadBalancerSourceRanges"] == ["10.20.0.0/16"]
    assert service["spec"]["allocateLoadBalancerNodePorts"] is False, "source ranges do not apply to node ports"
    assert recorder.outputs["gateway"]["trusted"] is None
    assert recorder.outputs["endpoints"]["digits"]["url"] == "https://digits.example.com/v1/digits"


def test_definitions_have_no_rule_about_what_they_leave_out() -> None:
    proxy = {"properties": {"kubernetes": {"type": "object", "required": ["x"]}, "type": {"type": "string"}}}
    rules = [{"rule": "has(self.kubernetes.x)"}, {"rule": "has(self.type)"}]
    assert bare({**proxy, "x-kubernetes-validations": rules}, {"kubernetes"}) == {
        "properties": {"kubernetes": ANYTHING, "type": {"type": "string"}},
        "x-kubernetes-validations": [{"rule": "has(self.type)"}],
    }

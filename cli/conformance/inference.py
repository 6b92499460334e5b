"""Gateway API for inference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cli.conformance.report import Evidence, Outcome, judged
from cli.conformance.stack import Answer, Cluster, Stack, holds, unready
from cli.objects import Object, is_true
from cli.prediction import model_path
from cli.traffic_split import traffic_split
from infra.catalogue.names import gateway_namespace
from infra.networking.gateway import GATEWAY, controller_name

_API = "/apis/gateway.networking.k8s.io/v1"


def ai_inference(stack: Stack, cluster: Cluster) -> Outcome:
    """The gateway and its routes are programmed, routes take weights and headers, and a request gets an answer."""
    if stack.declared.gateway is None:
        return Outcome("not shown", "the stack declares no gateway")
    found = [
        _class(stack, cluster),
        _gateway(stack, cluster),
        *(_route(stack, cluster, name, output) for name, output in stack.exposed.items()),
        _splits(stack, cluster),
        *(_answer(cluster, name, output) for name, output in stack.exposed.items()),
    ]
    problems = [problem for each in found for problem in each[0]]
    problems += unready(cluster.objects, gateway_namespace(stack.platform))
    missing = "" if stack.exposed else "no endpoint is exposed: no request was routed to a model"
    return judged(problems, [each[1] for each in found], not_shown=missing)


Seen = tuple[list[str], Evidence]
"""Problems, and what was seen."""


def _class_name(stack: Stack) -> str:
    gateway = stack.declared.gateway
    return (gateway.gateway_class_name if gateway else None) or stack.platform


def _controller(stack: Stack, cluster: Cluster) -> str:
    """Of the class: the stack's own, or that of an existing one."""
    if _class_name(stack) == stack.platform:
        return controller_name(stack.platform)
    found = cluster.objects.get(f"{_API}/gatewayclasses/{_class_name(stack)}") or {}
    return str(found.get("spec", {}).get("controllerName", ""))


def _class(stack: Stack, cluster: Cluster) -> Seen:
    path = f"{_API}/gatewayclasses/{_class_name(stack)}"
    found = cluster.objects.get(path) or {}
    controller = found.get("spec", {}).get("controllerName", "none")
    features = [each["name"] for each in found.get("status", {}).get("supportedFeatures") or []]
    accepted = holds(found, "Accepted")
    said = f"controller {controller}, Accepted={accepted}; it reports {len(features)} features"
    wrong = [] if accepted else [f"GatewayClass {_class_name(stack)} is not accepted"]
    return wrong, Evidence(f"GET {path}", said)


def _gateway(stack: Stack, cluster: Cluster) -> Seen:
    path = f"{_API}/namespaces/{gateway_namespace(stack.platform)}/gateways/{GATEWAY}"
    found = cluster.objects.get(path) or {}
    states = {each: holds(found, each) for each in ("Accepted", "Programmed")}
    problems = [f"Gateway {GATEWAY} is not {each}" for each, state in states.items() if not state]
    return problems, Evidence(f"GET {path}", _said(states))


def _route(stack: Stack, cluster: Cluster, name: str, output: Mapping[str, Any]) -> Seen:
    path = f"{_API}/namespaces/{output['namespace']}/httproutes/{name}"
    found = cluster.objects.get(path) or {}
    states = _parent_states(found, _controller(stack, cluster))
    problems = [f"HTTPRoute {output['namespace']}/{name} is not {each}" for each, state in states.items() if not state]
    parts = [
        f"{percent} % to {service}"
        for rule in found.get("spec", {}).get("rules", [])
        for service, percent in traffic_split(rule.get("backendRefs", [])).items()
    ]
    return problems, Evidence(f"GET {path}", f"{_said(states)}; {', '.join(parts) or 'no backend'}")


def _parent_states(route: Object, controller: str) -> dict[str, bool]:
    """What the controller of the gateway's class says of it."""
    parents = route.get("status", {}).get("parents", [])
    own: Object = next((each for each in parents if each.get("controllerName") == controller), {})
    return {each: is_true({"status": own}, each) for each in ("Accepted", "ResolvedRefs")}


def _splits(stack: Stack, cluster: Cluster) -> Seen:
    """The served API takes a route with weights and a match of a header."""
    namespace = next((each["namespace"] for each in stack.exposed.values()), gateway_namespace(stack.platform))
    path = f"{_API}/namespaces/{namespace}/httproutes"
    answer = cluster.dry_run(path, _weighted())
    problems = [] if _has_both(answer) else [f"a route with weights and a header is not taken: {_why(answer)}"]
    said = "admitted" if _has_both(answer) else _why(answer)
    return problems, Evidence(f"POST {path}?dryRun=All: weights 90 and 10, match of header x-model", said)


def _weighted() -> Object:
    matches = [{"headers": [{"type": "Exact", "name": "x-model", "value": "canary"}]}]
    backends = [{"name": "stable", "port": 80, "weight": 90}, {"name": "canary", "port": 80, "weight": 10}]
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "conformance"},
        "spec": {"rules": [{"matches": matches, "backendRefs": backends}]},
    }


def _has_both(answer: Answer) -> bool:
    """Fields that a definition does not know are dropped."""
    rule: Object = next(iter((answer.admitted or {}).get("spec", {}).get("rules", [])), {})
    weights = [each.get("weight") for each in rule.get("backendRefs", [])]
    headers = [header["name"] for match in rule.get("matches", []) for header in match.get("headers", [])]
    return (weights, headers) == ([90, 10], ["x-model"])


def _why(answer: Answer) -> str:
    return answer.refusal or "fields were dropped"


def _answer(cluster: Cluster, name: str, output: Mapping[str, Any]) -> Seen:
    """The endpoint's description of its model. A declared key is needed, and one is in the outputs unless callers have
    their own."""
    path, key = model_path(output), output.get("api_key")
    guarded = bool(key or output.get("callers"))
    codes = list(_codes(cluster, output, key, guarded))
    problems = [f"endpoint {name} answers {got} {with_}, not {want}" for with_, want, got in codes if want != got]
    said = ", ".join(f"{got} {with_}" for with_, _, got in codes)
    return problems, Evidence(f"GET {output['url']}{path} through the gateway's proxy", said)


def _codes(
    cluster: Cluster, output: Mapping[str, Any], key: str | None, guarded: bool
) -> Iterator[tuple[str, int, int]]:
    if guarded:
        yield "without a key", 401, cluster.request(output, None)
    if key or not guarded:
        yield "with its key" if key else "to anybody", 200, cluster.request(output, key)


def _said(states: Mapping[str, bool]) -> str:
    return ", ".join(f"{name}={state}" for name, state in states.items())

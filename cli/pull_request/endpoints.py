"""What endpoints serve, and how they divide their requests, in words: `10 % of digits to version 7`."""

from collections.abc import Iterator, Mapping
from typing import Any

from cli.pull_request.inputs import mapping, objects
from cli.traffic_split import traffic_split

_ROUTE, _DEPLOYMENT = "kubernetes:gateway.networking.k8s.io/v1:HTTPRoute", "kubernetes:apps/v1:Deployment"
_MODEL, _DIGEST = "MODEL_URI", "MODEL_SHA256"
Plan = Mapping[str, Any]
_Place = tuple[str, str]
"""Namespace and name."""


def changed(base: Plan, head: Plan) -> list[str]:
    """What is served or divided otherwise than before."""
    before, after = _divided(base), _divided(head)
    ended = [
        f"all of {name} to the endpoint itself, none to {_target(before[name])}" for name in before if name not in after
    ]
    return [*_rolled(base, head), *(text for name, text in after.items() if before.get(name) != text), *ended]


def _rolled(base: Plan, head: Plan) -> Iterator[str]:
    """Endpoints in both plans that serve another version, or in another image."""
    before, after = _servers(base), _servers(head)
    for place, server in after.items():
        old, new = _served(before.get(place, {})), _served(server)
        if old and new and old != new:
            yield f"{place[1]} serves {new} instead of {old}"


def _target(text: str) -> str:
    return text.partition(" to ")[2]


def _divided(plan: Plan) -> dict[str, str]:
    """By endpoint, those that have a canary."""
    servers = _servers(plan)
    return {name: text for step in plan["steps"] if step["type"] == _ROUTE for name, text in _of_route(step, servers)}


def _servers(plan: Plan) -> dict[_Place, Mapping[str, Any]]:
    """The container of each endpoint."""
    found = {}
    for step in plan["steps"]:
        if step["type"] == _DEPLOYMENT:
            for container in objects(mapping(step["inputs"], "spec", "template", "spec").get("containers")):
                if _uri(container):
                    found[_place(step)] = container
    return found


def _of_route(step: Mapping[str, Any], servers: Mapping[_Place, Any]) -> Iterator[tuple[str, str]]:
    namespace, name = _place(step)
    for rule in objects(mapping(step["inputs"], "spec").get("rules")):
        for other, share in _others(rule, name):
            if (namespace, other) in servers:
                yield name, f"{share} of {name} to {_served(servers[namespace, other])}"


def _others(rule: Mapping[str, Any], name: str) -> Iterator[tuple[str, str]]:
    """Services beside the endpoint's own, and what they get. A route of one of the platform's pages divides nothing."""
    for service, percent in traffic_split(objects(rule.get("backendRefs"))).items():
        if service != name:
            yield service, f"{percent} %"
    for each in objects(rule.get("filters")):
        if each.get("type") == "RequestMirror":
            yield str(mapping(each, "requestMirror", "backendRef").get("name")), "copies"


def _served(container: Mapping[str, Any]) -> str:
    """The model, and the image without its registry where the plan knows it; empty without a model."""
    model = _model(container)
    _, known, image = str(container.get("image")).rpartition("/")
    return f"{model} in image {image.partition('@')[0]}" if model and known else model


def _model(container: Mapping[str, Any]) -> str:
    """The version, or the file with its digest."""
    uri, digest = _uri(container), _value(container, _DIGEST)
    if not uri:
        return ""
    if digest:
        return f"{uri.rpartition('/')[2]} with digest {digest[:12]}"
    return f"version {uri.rpartition('/')[2]}" if "@" not in uri else f"the {uri.rpartition('@')[2]}"


def _uri(container: Mapping[str, Any]) -> str:
    return _value(container, _MODEL)


def _value(container: Mapping[str, Any], variable: str) -> str:
    return next((str(each.get("value")) for each in objects(container.get("env")) if each.get("name") == variable), "")


def _place(step: Mapping[str, Any]) -> _Place:
    metadata = mapping(step["inputs"], "metadata")
    return str(metadata.get("namespace")), str(metadata.get("name"))

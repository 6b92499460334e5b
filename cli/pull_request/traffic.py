"""How exposed endpoints divide their requests, in words: `10 % of digits to version 7`."""

from collections.abc import Iterator, Mapping
from typing import Any

_ROUTE, _DEPLOYMENT = "kubernetes:gateway.networking.k8s.io/v1:HTTPRoute", "kubernetes:apps/v1:Deployment"
Plan = Mapping[str, Any]
_Place = tuple[str, str]
"""Namespace and name."""


def changed(base: Plan, head: Plan) -> list[str]:
    """What is divided otherwise than before."""
    before, after = _divided(base), _divided(head)
    ended = [
        f"all of {name} to the endpoint itself, none to {_target(before[name])}" for name in before if name not in after
    ]
    return [*(text for name, text in after.items() if before.get(name) != text), *ended]


def _target(text: str) -> str:
    return text.partition(" to ")[2]


def _divided(plan: Plan) -> dict[str, str]:
    """By endpoint, those that have a canary."""
    servers = {_place(step): step["inputs"] for step in plan["steps"] if step["type"] == _DEPLOYMENT}
    found: dict[str, str] = {}
    for step in plan["steps"]:
        if step["type"] == _ROUTE:
            found |= dict(_of_route(step, servers))
    return found


def _of_route(step: Mapping[str, Any], servers: Mapping[_Place, Any]) -> Iterator[tuple[str, str]]:
    namespace, name = _place(step)
    for rule in step["inputs"]["spec"]["rules"]:
        for other, share in _others(rule, name):
            if (namespace, other) in servers:
                yield name, f"{share} of {name} to {_served(servers[namespace, other])}"


def _others(rule: Mapping[str, Any], name: str) -> Iterator[tuple[str, str]]:
    """Services beside the endpoint's own, and what they get. A route of one of the platform's pages divides nothing."""
    for each in rule.get("backendRefs", []):
        if each["name"] != name and "weight" in each:
            yield each["name"], f"{each['weight']} %"
    for each in rule.get("filters", []):
        if each["type"] == "RequestMirror":
            yield each["requestMirror"]["backendRef"]["name"], "copies"


def _served(deployment: Mapping[str, Any]) -> str:
    """The version of the model, and the image without its registry where the plan knows it."""
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    uri = next((each["value"] for each in container.get("env", []) if each["name"] == "MODEL_URI"), "")
    version = f"version {uri.rpartition('/')[2]}" if "@" not in uri else f"the {uri.rpartition('@')[2]}"
    _, known, image = str(container["image"]).rpartition("/")
    return f"{version} in image {image.partition('@')[0]}" if known else version


def _place(step: Mapping[str, Any]) -> _Place:
    metadata = step["inputs"]["metadata"]
    return metadata["namespace"], metadata["name"]

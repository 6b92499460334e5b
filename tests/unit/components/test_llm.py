"""Endpoints with a language model: the OpenAI API at /v1, streams that survive a rollout, and errors in its form."""

from __future__ import annotations

import json
from typing import Any

from tests.unit.components.recorder import created, inputs, platform, pods
from tests.unit.components.test_gateway import ENVOY, STANDARD
from tests.unit.components.test_pods import env
from tests.unit.declaration.samples import small

HOST = "chat.example.com"


def llm(**changes: object) -> dict[str, Any]:
    endpoint = {"team": "vision", "engine": "llm", "image": "llm", "model": "digits", "version": 3}
    expose = {"host": HOST, "path": "/chat", "callers": ["ci"], "timeout": "10m"}
    secrets = {"ci": {"team": "vision", "generate": True}}
    declared = {**endpoint, "expose": expose, **changes}
    written = {name: value for name, value in declared.items() if value is not None}
    return small(gateway={}, secrets=secrets, **{"serving.chat": written})


def test_it_runs_the_platform_s_image_with_what_it_declares() -> None:
    declared = llm(contextLength=8192, maxConcurrentRequests=4, resources={"cpu": 3, "memory": "2Gi"})
    recorder = platform(declared)
    pod = pods(recorder)["Deployment chat"]
    (container,) = pod["spec"]["containers"]
    assert container["image"].endswith("@sha256:llm")
    assert {
        "MODEL_URI": "models:/digits/3",
        "MODEL_NAME": "digits",
        "CONTEXT_LENGTH": "8192",
        "MAX_CONCURRENT_REQUESTS": "4",
        "GRACE_SECONDS": "600",
        "OMP_NUM_THREADS": "3",
    }.items() <= env(pod).items()
    assert recorder.outputs["endpoints"]["chat"]["engine"] == "llm"


def test_its_adapters_are_versions_of_the_registry_in_its_environment_and_of_its_canary_s() -> None:
    adapters = {"medical": {"model": "digits", "version": 2}, "legal": {"model": "digits", "version": 7}}
    declared = llm(adapters=adapters, canary={"version": 4, "percent": 10})
    found = pods(platform(declared))
    for name in ("Deployment chat", "Deployment chat-canary"):
        assert env(found[name])["ADAPTERS"] == '{"legal": "models:/digits/7", "medical": "models:/digits/2"}'
    assert "ADAPTERS" not in env(pods(platform(llm()))["Deployment chat"])


def test_generated_texts_are_not_compared() -> None:
    recorder = platform(llm(canary={"version": 4, "percent": 0, "mirror": True}))
    assert "STABLE_PODS" not in env(pods(recorder)["Deployment chat-canary"])
    assert "chat-pods" not in created(recorder, "kubernetes:core/v1:Service")


def test_its_streams_may_end_when_it_is_replaced() -> None:
    assert pods(platform(llm()))["Deployment chat"]["spec"]["terminationGracePeriodSeconds"] == 620
    inside = platform(llm(expose=None))
    assert pods(inside)["Deployment chat"]["spec"]["terminationGracePeriodSeconds"] == 80


def test_it_starts_within_the_timeout_of_a_rollout() -> None:
    recorder = platform(llm(timeout="20m"))
    (container,) = pods(recorder)["Deployment chat"]["spec"]["containers"]
    probe = container["startupProbe"]
    assert probe["httpGet"]["path"] == "/v2/health/ready"
    assert probe["periodSeconds"] * probe["failureThreshold"] == 1200
    deadline = inputs(recorder, "kubernetes:apps/v1:Deployment", "chat")["spec"]["progressDeadlineSeconds"]
    assert deadline >= 1200 + 60


def test_the_gateway_routes_the_openai_api_alone() -> None:
    (rule,) = inputs(platform(llm()), f"{STANDARD}HTTPRoute", "chat")["spec"]["rules"]
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/chat/v1"}}]
    assert rule["filters"][0]["urlRewrite"]["path"]["replacePrefixMatch"] == "/v1"
    assert rule["timeouts"] == {"request": "600s"}


def test_the_gateway_s_errors_are_those_of_the_openai_api() -> None:
    limited = {"host": HOST, "callers": ["ci"], "rateLimit": {"requests": 5, "per": "minute"}}
    errors = overrides(llm(expose=limited))
    assert sorted(errors) == [401, 413, 429, 503, 504]
    assert {*map(str, errors[401]["error"])} == {"message", "type", "param", "code"}
    assert errors[401]["error"]["code"] == "invalid_api_key"
    assert errors[429]["error"]["message"] == "the limit of 5 requests per minute is exceeded"
    assert errors[429]["headers"] == {"Retry-After": "60"}
    assert 429 not in overrides(llm())


def test_the_gateway_s_errors_of_other_endpoints_are_those_of_their_protocol() -> None:
    errors = overrides(llm(engine="mlflow", image="serving"))
    assert errors == {
        503: {"error": "the endpoint does not answer; try again", "headers": {"Retry-After": "5"}},
    }


def overrides(declared: dict[str, Any]) -> dict[int, Any]:
    """Bodies with headers, by status."""
    spec = inputs(platform(declared), f"{ENVOY}BackendTrafficPolicy", "chat")["spec"]
    assert {each["source"] for each in spec["responseOverride"]} == {"Local"}
    responses = [each["response"] for each in spec["responseOverride"]]
    return {
        each["statusCode"]: {
            **json.loads(each["body"]["inline"]),
            "headers": {one["name"]: one["value"] for one in each.get("header", {}).get("set", [])},
        }
        for each in responses
    }

"""Endpoints in the declaration, with the rules for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from infra.catalogue.images import LLM
from infra.declaration.gateway import Expose
from infra.declaration.node_room import NodeRoom
from infra.declaration.problems import Problem, suggestion
from infra.declaration.secrets import secret_is_of_team
from infra.declaration.types import Memory, Name, Seconds, Settings, ShortName, memory_bytes, written
from infra.declaration.workloads import Resources
from infra.workloads.kind import Kind, Request, Workload

if TYPE_CHECKING:
    from infra.declaration.model import Platform

_LONGEST_NAME = 63
"""Of a Service."""
_MEMORY_OF_LARGEST_REQUEST = 100
"""As a multiple of its size. `images/serving` takes up to 50 for requests, as text and as arrays, beside the model."""

LLM_CONTEXT = 4096


class Canary(Settings):
    """Another version beside the one that is served. To promote it, write its `version` or `image` into the endpoint
    and remove `canary`. To take it back, remove `canary`, or write `percent: 0`.
    """

    version: int | None = Field(default=None, ge=1, description="The version of the model; none: as the endpoint")
    image: Name | None = Field(default=None, description="The image, a name in `images`; none: as the endpoint")
    percent: int = Field(
        ge=0, le=100, description="Requests through the gateway that it answers, of 100. It gets them once it is ready"
    )
    mirror: bool = Field(
        default=False,
        description="Mirror every request to it, and discard its responses; only with `percent: 0`",
    )
    replicas: int = Field(default=1, ge=1, le=100, description="Number of its pods")


class Serving(Workload):
    """An endpoint that serves the champion of a model, or a fixed version."""

    engine: Literal["mlflow", "llm"] = Field(
        default="mlflow",
        description="What its image serves: `mlflow`, a model of MLflow's flavors over the Open Inference Protocol, at "
        "`/v2`; `llm`, a language model over the OpenAI API, at `/v1`. The platform's own image for `llm` is "
        "`image: llm`, which runs models in GGUF on CPUs",
    )
    model: Name = Field(description="The model to serve, a name in `models`")
    version: int | None = Field(
        default=None,
        ge=1,
        description="The version to serve, whichever is the champion, such as an earlier one to roll back to; a "
        "rollout fails if the registry does not have it. None: the champion, and each new one within 30 seconds. "
        "Required for `engine: llm`",
    )
    replicas: int = Field(default=2, ge=1, le=100, description="Number of pods; a rollout adds `maxSurge` for a moment")
    max_surge: int = Field(
        default=1,
        ge=0,
        le=100,
        description="Pods that a rollout starts before old ones end. 0: an old one ends before its successor starts, "
        "for a pool that has no room; an endpoint of one replica does not answer meanwhile, nor if the new pod fails",
    )
    resources: Resources = Field(default=Resources(), description="Resources of each pod")
    api_key: Name | None = Field(
        default=None, description="The generated secret that callers send as a bearer token; none: no authentication"
    )
    max_request_size: Memory = Field(
        default="4Mi",
        description="Size limit of a request's body; a larger one is refused with 413. At most a hundredth of "
        "`resources.memory`, since JSON takes a multiple of its size in memory",
    )
    max_concurrent_requests: int = Field(
        default=32,
        ge=1,
        le=256,
        description="Requests that a pod answers at the same time; more are refused with 429 and Retry-After",
    )
    context_length: int | None = Field(
        default=None,
        ge=128,
        le=1_048_576,
        description="Tokens of a request with those of its response, only with `engine: llm`; the memory for them is "
        f"taken at the start, for `maxConcurrentRequests`. None: {LLM_CONTEXT}",
    )
    pool: ShortName | None = Field(default=None, description="The node pool to run in; required for GPUs")
    gpus: int = Field(default=0, ge=0, description="GPUs of each pod, all on one node")
    timeout: Seconds = Field(
        default=written("3m"),
        description="Timeout of a rollout, in which a pod with `engine: llm` must have loaded its model",
    )
    canary: Canary | None = Field(
        default=None, description="Another version for a part of the requests; needs `expose`"
    )
    expose: Expose | None = Field(
        default=None, description="How callers outside the cluster reach it; none: only pods of its team do"
    )


def request(endpoint: Serving) -> Request:
    """All pods, during a rollout."""
    canary = endpoint.canary.replicas + min(1, endpoint.max_surge) if endpoint.canary else 0
    return Request(endpoint.replicas + endpoint.max_surge + canary, endpoint.resources, endpoint.gpus, endpoint.pool)


def served_models_are_trained(platform: Platform, root: Path) -> Iterator[Problem]:
    """Pods on simulated nodes are never executed, so their jobs register no model version."""
    for name, endpoint in platform.serving.items():
        jobs = [job for job in platform.training.values() if job.model == endpoint.model]
        if jobs and platform.foundation.simulates_pools and all(job.pool for job in jobs):
            yield Problem(
                f"serving.{name}.model",
                f"'{endpoint.model}' is trained on simulated nodes only, where pods are never executed; "
                f"add a training job without 'pool'",
            )


def endpoints_run_on_real_nodes(platform: Platform, root: Path) -> Iterator[Problem]:
    """Nothing would answer on a simulated node."""
    for name, endpoint in platform.serving.items():
        if endpoint.pool is not None and platform.foundation.simulates_pools:
            message = "nodes of this foundation's pools are simulated, and their pods are never executed"
            yield Problem(f"serving.{name}.pool", f"{message}; remove 'pool' in this stack")


def endpoints_roll_out_in_their_pool(platform: Platform, root: Path) -> Iterator[Problem]:
    """A new pod would wait for room that none of the old pods gives up before the new one is ready."""
    for name, pool in platform.node_pools.items():
        there = {each: endpoint for each, endpoint in platform.serving.items() if endpoint.pool == name}
        if len(there) < 2:
            continue
        nodes, largest_first = NodeRoom(pool), sorted(there.values(), key=lambda endpoint: -endpoint.gpus)
        if not all(nodes.take(request(endpoint)) for endpoint in largest_first for _ in range(_pods(endpoint))):
            message = f"the replicas of its endpoints ({', '.join(there)}) do not fit on {pool.max} nodes together"
            yield Problem(f"nodePools.{name}.max", f"{message}; raise it, or write fewer replicas")
            continue
        for each, endpoint in there.items():
            if endpoint.max_surge and not nodes.has_room(request(endpoint)):
                message = f"pool '{name}' has no room for another pod beside all replicas of its endpoints"
                hint = f"write 0, or raise nodePools.{name}.max"
                yield Problem(f"serving.{each}.maxSurge", f"{message}, so a rollout would wait forever; {hint}")


def _pods(endpoint: Serving) -> int:
    return endpoint.replicas + (endpoint.canary.replicas if endpoint.canary else 0)


def engines_serve_what_is_declared(platform: Platform, root: Path) -> Iterator[Problem]:
    """Each engine has settings of its own."""
    for name, endpoint in platform.serving.items():
        of_engine = _of_llm(endpoint, platform) if endpoint.engine == "llm" else _of_mlflow(endpoint)
        for setting, message in of_engine:
            yield Problem(f"serving.{name}.{setting}", message)


def _of_llm(endpoint: Serving, platform: Platform) -> Iterator[tuple[str, str]]:
    """Settings with what is wrong with them."""
    if endpoint.version is None:
        message = "a language model takes too long to load to follow the champion without a rollout"
        yield "version", f"{message}; write the version to serve, and another one to roll it out"
    if LLM not in _images(endpoint).values():
        return
    pool = platform.node_pools.get(endpoint.pool) if endpoint.pool else None
    write = f"the image '{LLM}' runs on CPUs only; write an image of your own, such as one with vLLM"
    if endpoint.gpus:
        yield "gpus", f"{write}, or remove it"
    elif pool is not None and pool.gpu is not None:
        yield "pool", f"{write}, or a pool without GPUs"


def _of_mlflow(endpoint: Serving) -> Iterator[tuple[str, str]]:
    """Settings with what is wrong with them."""
    for setting, image in _images(endpoint).items():
        if image == LLM:
            yield setting, f"the image '{LLM}' serves language models only; write engine: llm, or another image"
    if endpoint.context_length is not None:
        yield "contextLength", "only language models have it; remove it, or write engine: llm"


def _images(endpoint: Serving) -> dict[str, str]:
    """By the setting that names them."""
    canary = endpoint.canary.image if endpoint.canary else None
    return {"image": endpoint.image, **({"canary.image": canary} if canary else {})}


def canaries_can_be_reached(platform: Platform, root: Path) -> Iterator[Problem]:
    """Only the gateway divides requests, and a canary differs from its endpoint."""
    for name, endpoint in platform.serving.items():
        canary, path = endpoint.canary, f"serving.{name}.canary"
        if canary is None:
            continue
        if endpoint.expose is None:
            message = "requests are divided by the gateway, and the endpoint is not exposed"
            yield Problem(path, f"{message}; write serving.{name}.expose, or remove it")
        if canary.version in (None, endpoint.version) and canary.image in (None, endpoint.image):
            yield Problem(path, "is what the endpoint serves; write another 'version' or 'image', or remove it")
        if canary.mirror and canary.percent:
            message = f"it would get {canary.percent} % of the requests twice"
            yield Problem(f"{path}.mirror", f"{message}; write percent: 0, or mirror: false")
        taken = canary_name(name)
        if taken in platform.serving:
            yield Problem(f"serving.{taken}", f"the canary of '{name}' has this name; write another one")
        if len(taken) > _LONGEST_NAME:
            most = _LONGEST_NAME - len(canary_name(""))
            yield Problem(f"serving.{name}", f"with a canary, write a name of at most {most} characters")


def canary_name(endpoint: str) -> str:
    """Of the Deployment and the Service of an endpoint's canary."""
    return f"{endpoint}-canary"


def api_keys_can_be_rotated(platform: Platform, root: Path) -> Iterator[Problem]:
    """A key is a generated secret of the endpoint's team."""
    for name, endpoint in platform.serving.items():
        key = endpoint.api_key
        if key is None:
            continue
        path = f"serving.{name}.apiKey"
        yield from secret_is_of_team(platform, key, endpoint.team, path)
        if not platform.secrets[key].generate:
            message = f"'{key}' is not generated, so it cannot be rotated without rejecting callers"
            yield Problem(path, f"{message}; write generate: true in secrets.{key}")


def requests_fit_into_memory(platform: Platform, root: Path) -> Iterator[Problem]:
    """Otherwise a single client could get the pod killed."""
    for name, endpoint in platform.serving.items():
        size, memory = endpoint.max_request_size, endpoint.resources.memory
        if memory_bytes(size) * _MEMORY_OF_LARGEST_REQUEST > memory_bytes(memory):
            largest = memory_bytes(memory) // _MEMORY_OF_LARGEST_REQUEST // 2**10
            yield Problem(
                f"serving.{name}.maxRequestSize",
                f"requests of {size} need up to {_MEMORY_OF_LARGEST_REQUEST} times their size in memory, and "
                f"resources.memory is {memory}; write at most {largest}Ki, or more memory",
            )


def objectives_are_of_endpoints(platform: Platform, root: Path) -> Iterator[Problem]:
    """Objectives are keyed by a declared endpoint."""
    for endpoint in platform.monitoring.objectives if platform.monitoring else ():
        if endpoint not in platform.serving:
            message = f"endpoint '{endpoint}' is not declared{suggestion(endpoint, platform.serving)}"
            yield Problem(f"monitoring.objectives.{endpoint}", message)


SERVING = Kind(
    section="serving",
    outputs="endpoints",
    request=request,
    scale="replicas",
    references={"model": "models", "apiKey": "secrets", "pool": "nodePools", "canary.image": "images"},
    rules=[
        served_models_are_trained,
        endpoints_run_on_real_nodes,
        endpoints_roll_out_in_their_pool,
        engines_serve_what_is_declared,
        canaries_can_be_reached,
        api_keys_can_be_rotated,
        requests_fit_into_memory,
        objectives_are_of_endpoints,
    ],
)

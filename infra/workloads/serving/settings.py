"""Endpoints in the declaration, with the rules for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from infra.declaration.gateway import Expose
from infra.declaration.node_room import NodeRoom
from infra.declaration.problems import Problem, suggestion
from infra.declaration.secrets import secret_is_of_team
from infra.declaration.types import Memory, Name, Seconds, ShortName, memory_bytes, written
from infra.declaration.workloads import Resources
from infra.workloads.kind import Kind, Request, Workload
from infra.workloads.serving.adapters import MOST_ADAPTERS, Adapter, adapters_fit_their_endpoint
from infra.workloads.serving.canary import CANARY_RULES, Canary
from infra.workloads.serving.engine_rules import LLM_CONTEXT, engines_serve_what_is_declared
from infra.workloads.serving.scaling import SCALING_RULES, Pods, ScaleOn
from infra.workloads.serving.weights import Weights, weights_fit_their_endpoint

if TYPE_CHECKING:
    from infra.declaration.model import Platform

_MEMORY_OF_LARGEST_REQUEST = 100
"""As a multiple of its size. `images/serving` takes up to 50 for requests, as text and as arrays, beside the model."""


class Serving(Workload):
    """An endpoint that serves the champion of a model, a fixed version, or weights in a dataset. Exactly one of `model`
    and `weights`.
    """

    engine: Literal["mlflow", "llm"] = Field(
        default="mlflow",
        description="What its image serves: `mlflow`, a model of MLflow's flavors over the Open Inference Protocol, at "
        "`/v2`; `llm`, a language model over the OpenAI API, at `/v1`. The platform's own image for `llm` is "
        "`image: llm`, which runs models in GGUF on CPUs",
    )
    model: Name | None = Field(default=None, description="The model to serve, a name in `models`")
    version: int | None = Field(
        default=None,
        ge=1,
        description="The version to serve, whichever is the champion, such as an earlier one to roll back to; a "
        "rollout fails if the registry does not have it. None: the champion, and each new one within 30 seconds. "
        "Required for `engine: llm` with `model`",
    )
    weights: Weights | None = Field(
        default=None,
        description="Instead of `model`, only with `engine: llm`: a file in a dataset. The model's name is then that "
        "of the endpoint. Another file or another digest is a rollout",
    )
    replicas: Pods = Field(
        default=written(2),
        description="Number of pods, or a range within which it follows the requests; a rollout adds `maxSurge` for a "
        "moment",
    )
    scale_on: ScaleOn | None = Field(
        default=None, description="What decides between `replicas.min` and `replicas.max`; none: its defaults"
    )
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
    adapters: dict[Name, Adapter] = Field(
        default={},
        max_length=MOST_ADAPTERS,
        description="LoRA adapters of the model, only with `engine: llm`, by the name that callers write as `model`; "
        f"at most {MOST_ADAPTERS}. Their files need room in `resources.scratch`, too",
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

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.model is None and self.weights is None:
            raise ValueError("no model is declared; declare 'model', or 'weights' with engine: llm")
        if self.model is not None and self.weights is not None:
            raise ValueError("both 'model' and 'weights' are declared; declare one of them")
        return self

    @property
    def read_datasets(self) -> Sequence[str]:
        """Those that it lists, and that of its weights."""
        more = [self.weights.dataset] if self.weights else []
        return list(dict.fromkeys([*self.datasets, *more]))

    def model_name(self, endpoint: str) -> str:
        """What callers and metrics call the model of the endpoint with this name."""
        return self.model or endpoint

    @property
    def in_flight_per_pod(self) -> int:
        """Requests on average, beyond which it gets another pod."""
        declared = self.scale_on.requests_in_flight if self.scale_on else None
        return declared or max(1, self.max_concurrent_requests // 2)


def request(endpoint: Serving) -> Request:
    """All pods, during a rollout."""
    canary = endpoint.canary.replicas + min(1, endpoint.max_surge) if endpoint.canary else 0
    return Request(
        endpoint.replicas.max + endpoint.max_surge + canary, endpoint.resources, endpoint.gpus, endpoint.pool
    )


def served_models_are_trained(platform: Platform, root: Path) -> Iterator[Problem]:
    """Pods on simulated nodes are never executed, so their jobs register no model version."""
    for name, endpoint in platform.serving.items():
        adapters = {f"adapters.{each}.model": adapter.model for each, adapter in endpoint.adapters.items()}
        for setting, model in {"model": endpoint.model, **adapters}.items():
            jobs = [job for job in platform.training.values() if job.model == model]
            if jobs and platform.foundation.simulates_pools and all(job.pool for job in jobs):
                yield Problem(
                    f"serving.{name}.{setting}",
                    f"'{model}' is trained on simulated nodes only, where pods are never executed; "
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
    return endpoint.replicas.max + (endpoint.canary.replicas if endpoint.canary else 0)


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
    pods=lambda endpoint: endpoint.replicas.max,
    references={
        "model": "models",
        "weights.dataset": "datasets",
        "canary.weights.dataset": "datasets",
        "adapters.*.model": "models",
        "apiKey": "secrets",
        "pool": "nodePools",
        "canary.image": "images",
    },
    rules=[
        served_models_are_trained,
        endpoints_run_on_real_nodes,
        endpoints_roll_out_in_their_pool,
        engines_serve_what_is_declared,
        weights_fit_their_endpoint,
        adapters_fit_their_endpoint,
        *CANARY_RULES,
        *SCALING_RULES,
        api_keys_can_be_rotated,
        requests_fit_into_memory,
        objectives_are_of_endpoints,
    ],
)

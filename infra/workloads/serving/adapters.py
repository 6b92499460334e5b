"""LoRA adapters of an endpoint's language model in the declaration, with the rules for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from infra.declaration.problems import Problem
from infra.declaration.types import Name, Settings

if TYPE_CHECKING:
    from infra.declaration.model import Platform

MOST_ADAPTERS = 16
_MOST_PAIRS = 300
"""Of callers with the model or an adapter: each has metrics of its own, and Prometheus takes 2000 series of a pod."""


class Adapter(Settings):
    """A LoRA adapter of the endpoint's model. Requests whose `model` is its name use it."""

    model: Name = Field(description="The model whose versions are adapters, a name in `models` of the same team")
    version: int = Field(
        ge=1,
        examples=[1],
        description="The version to serve; another one is a rollout, which fails if the registry does not have it",
    )

    @property
    def uri(self) -> str:
        """In the registry."""
        return f"models:/{self.model}/{self.version}"


def adapters_fit_their_endpoint(platform: Platform, root: Path) -> Iterator[Problem]:
    """Only language models have adapters. Each has a name of its own, and a model that the endpoint's team may read."""
    for name, endpoint in platform.serving.items():
        path = f"serving.{name}.adapters"
        if endpoint.adapters and endpoint.engine != "llm":
            yield Problem(path, "only language models have them; remove it, or write engine: llm")
        callers = endpoint.expose.callers if endpoint.expose else ()
        if endpoint.adapters and len(callers) * (len(endpoint.adapters) + 1) > _MOST_PAIRS:
            most = _MOST_PAIRS // len(callers) - 1
            message = f"each of the {len(callers)} callers has metrics for each"
            yield Problem(path, f"{message}; write at most {most}, or further ones of another endpoint")
        for adapter in endpoint.adapters:
            yield from _of_adapter(platform, name, adapter, f"{path}.{adapter}")


def _of_adapter(platform: Platform, name: str, adapter: str, path: str) -> Iterator[Problem]:
    endpoint = platform.serving[name]
    if adapter == endpoint.model_name(name):
        message = "is the name by which callers ask for the endpoint's model without an adapter"
        yield Problem(path, f"'{adapter}' {message}; write another name")
    model = endpoint.adapters[adapter].model
    owner = platform.models[model].team
    if owner != endpoint.team:
        message = f"model '{model}' belongs to team '{owner}'"
        yield Problem(f"{path}.model", f"{message}; write a model of team '{endpoint.team}'")

"""What each engine can serve, in the declaration."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from infra.catalogue.images import LLM
from infra.declaration.problems import Problem

if TYPE_CHECKING:
    from infra.declaration.model import Platform
    from infra.workloads.serving.settings import Serving

LLM_CONTEXT = 4096
"""Tokens, where none are declared."""


def engines_serve_what_is_declared(platform: Platform, root: Path) -> Iterator[Problem]:
    """Each engine has settings of its own."""
    for name, endpoint in platform.serving.items():
        of_engine = _of_llm(endpoint, platform) if endpoint.engine == "llm" else _of_mlflow(endpoint)
        for setting, message in of_engine:
            yield Problem(f"serving.{name}.{setting}", message)


def _of_llm(endpoint: Serving, platform: Platform) -> Iterator[tuple[str, str]]:
    """Settings with what is wrong with them."""
    if endpoint.model is not None and endpoint.version is None:
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
    if endpoint.weights is not None:
        yield "weights", "only language models have them; write 'model' instead, or engine: llm"
    if endpoint.context_length is not None:
        yield "contextLength", "only language models have it; remove it, or write engine: llm"


def _images(endpoint: Serving) -> dict[str, str]:
    """By the setting that names them."""
    canary = endpoint.canary.image if endpoint.canary else None
    return {"image": endpoint.image, **({"canary.image": canary} if canary else {})}

"""Endpoints with a language model: settings that do not fit their engine or image are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.declaration.loader import declare
from tests.unit.declaration.samples import accepted, in_cluster, refusal, refused

AT = "Pulumi.dev.yaml: platform.serving.digits."
LLM: dict[str, Any] = {"team": "vision", "engine": "llm", "image": "llm", "model": "digits", "version": 1}
ON_CPUS = "the image 'llm' runs on CPUs only; write an image of your own, such as one with vLLM"


def test_the_platform_s_image_needs_no_declaration(root: Path) -> None:
    assert accepted(root, **{"serving.digits": LLM}).serving["digits"].engine == "llm"
    assert accepted(root, **{"serving.digits": {**LLM, "image": "serving", "contextLength": 8192}})


@pytest.mark.parametrize(
    ("changes", "messages"),
    [
        (
            {"version": None},
            [
                "version: a language model takes too long to load to follow the champion without a rollout; write the "
                "version to serve, and another one to roll it out"
            ],
        ),
        (
            {"engine": "mlflow"},
            ["image: the image 'llm' serves language models only; write engine: llm, or another image"],
        ),
        (
            {"engine": "mlflow", "image": "serving", "contextLength": 4096},
            ["contextLength: only language models have it; remove it, or write engine: llm"],
        ),
        ({"contextLength": 64}, ["contextLength: 64 is out of range; write at least 128"]),
        ({"engine": "vllm"}, ["engine: 'vllm' is not supported; write 'mlflow' or 'llm'"]),
        ({"image": "lm"}, ["image: image 'lm' is not declared; did you mean 'llm'?"]),
    ],
)
def test_what_does_not_fit_its_engine_is_refused(root: Path, changes: dict[str, Any], messages: list[str]) -> None:
    assert refused(root, **{"serving.digits": {**LLM, **changes}}) == [f"{AT}{message}" for message in messages]


def test_the_platform_s_image_uses_no_gpus(root: Path) -> None:
    on_gpu = {"pool": "l4", "gpus": 1, "replicas": 1}

    def of(**changes: object) -> dict[str, Any]:
        return in_cluster(**{"serving.digits": {**LLM, **changes}})

    assert refusal(root, of(**on_gpu)) == [f"{AT}gpus: {ON_CPUS}, or remove it"]
    assert declare(of(**on_gpu, image="serving"), "Pulumi.dev.yaml", root).serving["digits"].gpus == 1
    assert f"{AT}pool: {ON_CPUS}, or a pool without GPUs" in refusal(root, of(pool="l4"))


def test_a_canary_has_the_engine_of_its_endpoint(root: Path) -> None:
    expose = {"host": "digits.example.com", "callers": ["ci"]}
    more = {"gateway": {}, "secrets": {"ci": {"team": "vision", "generate": True}}}
    llm = {**LLM, "expose": expose}
    assert accepted(root, **more, **{"serving.digits": {**llm, "canary": {"version": 2, "percent": 10}}})
    other = {"team": "vision", "image": "serving", "model": "digits", "expose": expose}
    canary = {"image": "llm", "percent": 10}
    assert refused(root, **more, **{"serving.digits": {**other, "canary": canary}}) == [
        f"{AT}canary.image: the image 'llm' serves language models only; write engine: llm, or another image"
    ]

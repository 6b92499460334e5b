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


def adapted(**adapters: object) -> dict[str, Any]:
    """The endpoint with these adapters, and models for them, one of another team."""
    models = {"digits": {"team": "vision"}, "digits-legal": {"team": "vision"}, "theirs": {"team": "speech"}}
    return {"models": models, "serving.digits": {**LLM, "adapters": adapters}}


def test_adapters_are_versions_of_the_team_s_models(root: Path) -> None:
    legal = {"model": "digits-legal", "version": 2}
    found = accepted(root, **adapted(legal=legal, medical={"model": "digits", "version": 5})).serving["digits"]
    assert {name: adapter.uri for name, adapter in found.adapters.items()} == {
        "legal": "models:/digits-legal/2",
        "medical": "models:/digits/5",
    }
    assert not accepted(root, **{"serving.digits": {**LLM, "adapters": None}}).serving["digits"].adapters


@pytest.mark.parametrize(
    ("adapter", "message"),
    [
        ({"model": "digits-legal"}, ".legal: missing setting 'version'; write version: 1"),
        ({"version": 2}, ".legal: missing setting 'model'"),
        ({"model": "digits-legal", "version": 0}, ".legal.version: 0 is out of range; write at least 1"),
        (
            {"model": "digits-lega", "version": 2},
            ".legal.model: model 'digits-lega' is not declared; did you mean 'digits-legal'?",
        ),
        (
            {"model": "theirs", "version": 2},
            ".legal.model: model 'theirs' belongs to team 'speech'; write a model of team 'vision'",
        ),
        ({"model": "digits-legal", "version": 2, "scale": 1}, ".legal: unknown setting 'scale'; known: model, version"),
        ("models:/digits-legal/2", ".legal: expected a mapping of settings, got 'models:/digits-legal/2'"),
    ],
)
def test_an_adapter_that_can_t_be_served_is_refused(root: Path, adapter: object, message: str) -> None:
    assert refused(root, **adapted(legal=adapter)) == [f"{AT}adapters{message}"]


def test_names_of_adapters_are_unambiguous(root: Path) -> None:
    adapter = {"model": "digits-legal", "version": 2}
    taken = "is the name by which callers ask for the endpoint's model without an adapter; write another name"
    assert refused(root, **adapted(digits=adapter)) == [f"{AT}adapters.digits: 'digits' {taken}"]
    (invalid,) = refused(root, **adapted(Legal=adapter))
    assert invalid.startswith(f"{AT}adapters.Legal: 'Legal' is not a valid Kubernetes name; write lower-case letters")


def test_an_endpoint_has_a_limited_number_of_adapters(root: Path) -> None:
    most = {f"adapter-{number}": {"model": "digits-legal", "version": 2} for number in range(16)}
    assert len(accepted(root, **adapted(**most)).serving["digits"].adapters) == 16
    more = adapted(**most, legal={"model": "digits-legal", "version": 2})
    assert refused(root, **more) == [f"{AT}adapters: has 17 entries; write at most 16"]


def test_callers_with_adapters_have_a_limited_number_of_metrics(root: Path) -> None:
    keys = {f"key-{number}": {"team": "vision", "generate": True} for number in range(50)}
    adapters = {f"legal-{number}": {"model": "digits-legal", "version": 1} for number in range(6)}
    changes = {**adapted(**adapters), "gateway": {}, "secrets": keys}
    exposed = {"host": "models.example.com", "callers": [*keys]}
    found = refused(root, **{**changes, "serving.digits": {**changes["serving.digits"], "expose": exposed}})
    assert found == [
        f"{AT}adapters: each of the 50 callers has metrics for each; write at most 5, or further ones of another "
        "endpoint"
    ]
    fewer = {**exposed, "callers": [*keys][:42]}
    assert accepted(root, **{**changes, "serving.digits": {**changes["serving.digits"], "expose": fewer}})


def test_only_language_models_have_adapters(root: Path) -> None:
    declared = adapted(legal={"model": "digits-legal", "version": 2})
    declared["serving.digits"] |= {"engine": "mlflow", "image": "serving"}
    message = "adapters: only language models have them; remove it, or write engine: llm"
    assert refused(root, **declared) == [f"{AT}{message}"]


def test_adapters_are_trained_where_pods_are_executed(root: Path) -> None:
    simulated = {"team": "vision", "image": "training", "model": "digits-legal", "pool": "a10g", "gpus": 1}
    declared = adapted(legal={"model": "digits-legal", "version": 2})
    (found,) = refused(root, **declared, **{"training.legal": simulated})
    assert found.startswith(f"{AT}adapters.legal.model: 'digits-legal' is trained on simulated nodes only")


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

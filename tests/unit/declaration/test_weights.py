"""Weights in a dataset: what can't be served is refused with its path and a fix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.declaration.loader import declare
from tests.unit.declaration.samples import GONE, accepted, in_cluster, refusal, refused

AT = "Pulumi.dev.yaml: platform.serving.chat"
DIGEST, OTHER = "0123456789abcdef" * 4, "fedcba9876543210" * 4
WEIGHTS = {"dataset": "llama", "file": "models/assistant-Q4_K_M.gguf", "sha256": DIGEST}
DATASETS = {
    "llama": {"team": "vision", "objects": {"prefix": "llama"}},
    "next": {"team": "vision", "volume": {"claim": "next"}},
    "theirs": {"team": "speech", "objects": {"prefix": "theirs"}},
}
PATH = "is not a path inside the dataset; write a relative path of letters, digits and any of _.=+-, such as models/"
HEX = "is not a SHA-256 digest; write 64 digits 0-9 and a-f, as sha256sum prints them"


def serving(**changes: object) -> dict[str, Any]:
    """An endpoint with weights, and these changes of it; None removes a setting."""
    endpoint = {"team": "vision", "engine": "llm", "image": "llm", "weights": WEIGHTS, **changes}
    return {"datasets": DATASETS, "serving.chat": {name: each for name, each in endpoint.items() if each is not None}}


def exposed(**changes: object) -> dict[str, Any]:
    """The same for callers of the gateway."""
    more = {"gateway": {}, "secrets": {"ci": {"team": "vision", "generate": True}}}
    return {**more, **serving(expose={"host": "chat.example.com", "callers": ["ci"]}, **changes)}


@pytest.mark.parametrize("file", ["a.gguf", "models/a.gguf", "Llama-3.2+x/v=1/a_b-Q4_K_M.gguf", "plain"])
def test_a_file_of_the_team_s_dataset_is_served(root: Path, file: str) -> None:
    found = accepted(root, **serving(weights={**WEIGHTS, "file": file})).serving["chat"]
    assert found.weights is not None
    assert (found.model, found.weights.file, list(found.read_datasets)) == (None, file, ["llama"])
    assert found.model_name("chat") == "chat"


def test_a_dataset_that_is_listed_too_is_read_once(root: Path) -> None:
    found = accepted(root, **serving(datasets=["next", "llama"])).serving["chat"]
    assert list(found.read_datasets) == ["next", "llama"]


@pytest.mark.parametrize(
    ("changes", "messages"),
    [
        ({"weights": None}, [": no model is declared; declare 'model', or 'weights' with engine: llm"]),
        ({"model": "digits"}, [": both 'model' and 'weights' are declared; declare one of them"]),
        ({"version": 1}, [".version: is a version of 'model', and weights have none; remove it"]),
        (
            {"engine": "mlflow", "image": "serving"},
            [".weights: only language models have them; write 'model' instead, or engine: llm"],
        ),
    ],
)
def test_an_endpoint_serves_one_model_by_its_engine(root: Path, changes: dict[str, Any], messages: list[str]) -> None:
    assert refused(root, **serving(**changes)) == [f"{AT}{message}" for message in messages]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataset": "lama"}, ".dataset: dataset 'lama' is not declared; did you mean 'llama'?"),
        (
            {"dataset": "theirs"},
            ".dataset: dataset 'theirs' belongs to team 'speech'; write a dataset of team 'vision'",
        ),
        ({"dataset": GONE}, ": missing setting 'dataset'"),
        ({"file": GONE}, ": missing setting 'file'"),
        ({"sha256": GONE}, ": missing setting 'sha256'"),
        ({"revision": "main"}, ": unknown setting 'revision'; known: dataset, file, sha256"),
        *(
            ({"file": file}, f".file: {file!r} {PATH}assistant-Q4_K_M.gguf")
            for file in (
                "/models/a.gguf",
                "../a.gguf",
                "models/../../a.gguf",
                "./a.gguf",
                "models/",
                "a//b",
                "a b",
                "é",
            )
        ),
        (
            {"file": "models/a-00001-of-00003.gguf"},
            ".file: 'models/a-00001-of-00003.gguf' is a part of a model in several files, and the digest is of one; "
            "merge them by `llama-gguf-split --merge`",
        ),
        *(
            ({"sha256": digest}, f".sha256: {digest!r} {HEX}")
            for digest in (DIGEST[:-1], f"{DIGEST}0", DIGEST.upper(), f"sha256:{DIGEST}", f"{DIGEST[:-1]}g")
        ),
    ],
)
@pytest.mark.parametrize("setting", ["weights", "canary.weights"])
def test_weights_that_can_t_be_served_are_refused(
    root: Path, setting: str, change: dict[str, Any], message: str
) -> None:
    written = {name: each for name, each in {**WEIGHTS, **change}.items() if each is not GONE}
    declared = exposed(weights=written)
    if setting == "canary.weights":
        declared = exposed(weights={**WEIGHTS, "sha256": OTHER}, canary={"weights": written, "percent": 10})
    (found,) = refused(root, **declared)
    assert found.startswith(f"{AT}.{setting}{message}")


def test_a_digest_that_yaml_reads_as_a_number_is_refused(root: Path) -> None:
    (found,) = refused(root, **serving(weights={**WEIGHTS, "sha256": int("1" * 64)}))
    assert found.startswith(f"{AT}.weights.sha256: ")


def test_a_canary_has_other_weights_or_another_image(root: Path) -> None:
    other = {"dataset": "next", "file": "a.gguf", "sha256": OTHER}
    canary = accepted(root, **exposed(canary={"weights": other, "percent": 10})).serving["chat"].canary
    assert canary is not None
    assert canary.weights is not None
    assert canary.weights.sha256 == OTHER
    assert accepted(root, **exposed(canary={"image": "serving", "percent": 10}))


@pytest.mark.parametrize(
    ("endpoint", "canary", "messages"),
    [
        (
            {},
            {"weights": WEIGHTS},
            [".canary: is what the endpoint serves; write another 'weights' or 'image', or remove it"],
        ),
        (
            {},
            {"version": 2},
            [".canary.version: is a version of 'model', and the endpoint has none; write 'weights' instead"],
        ),
        (
            {"weights": None, "model": "digits", "version": 1},
            {"weights": WEIGHTS},
            [".canary.weights: the endpoint serves a version of 'model'; write 'version' instead"],
        ),
    ],
)
def test_a_canary_has_its_model_where_the_endpoint_has_it(
    root: Path, endpoint: dict[str, Any], canary: dict[str, Any], messages: list[str]
) -> None:
    found = refused(root, **exposed(**endpoint, canary={**canary, "percent": 10}))
    assert found == [f"{AT}{message}" for message in messages]


def test_adapters_of_the_registry_may_be_beside_them(root: Path) -> None:
    adapter = {"model": "digits", "version": 1}
    assert accepted(root, **serving(adapters={"legal": adapter}))
    taken = "'chat' is the name by which callers ask for the endpoint's model without an adapter; write another name"
    assert refused(root, **serving(adapters={"chat": adapter})) == [f"{AT}.adapters.chat: {taken}"]


def test_objects_need_a_bucket_as_those_of_jobs_do(root: Path) -> None:
    declared = in_cluster(**serving())
    declared["datasets"] = {"llama": DATASETS["llama"]}
    (found,) = refusal(root, declared)
    assert "no bucket for datasets is declared" in found
    declared["datasets"] = {"llama": {"team": "vision", "volume": {"claim": "llama"}}}
    assert declare(declared, "Pulumi.dev.yaml", root).serving["chat"].weights

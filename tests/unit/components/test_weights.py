"""Weights in a dataset: an endpoint's pods find the file as jobs find theirs, and nothing else opens to them."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest

from infra.foundation.aws.context import AwsContext
from tests.unit.components.recorder import Recorder, created, inputs, platform, pods
from tests.unit.components.test_datasets import POLICY, ROLE, SECRET
from tests.unit.components.test_pods import env
from tests.unit.declaration.samples import in_cluster, on_aws, small
from tests.unit.declaration.test_weights import DATASETS, DIGEST, OTHER, WEIGHTS, exposed

PLACE = AwsContext("123456789012", "eu-central-1", "test", "ml-platform", "4711")
OBJECTS, VOLUME = {"llama": DATASETS["llama"]}, {"llama": {"team": "vision", "volume": {"claim": "models"}}}
POLICIES = "aws:iam/rolePolicy:RolePolicy"
NEXT = {"dataset": "next", "file": "b.gguf", "sha256": OTHER}


def declared(datasets: dict[str, Any], **changes: object) -> dict[str, Any]:
    return deepcopy({**exposed(**changes), "datasets": datasets})


def inside(declaration: dict[str, Any]) -> dict[str, Any]:
    """The same without a gateway."""
    del declaration["gateway"], declaration["serving"]["chat"]["expose"]
    return declaration


def chat(recorder: Recorder, name: str = "chat") -> dict[str, Any]:
    return dict(pods(recorder)[f"Deployment {name}"])


def claims(pod: dict[str, Any]) -> dict[str, str]:
    """By the folder that each is mounted at; all are read-only."""
    volumes = {each["name"]: each.get("persistentVolumeClaim") for each in pod["spec"]["volumes"]}
    mounts = pod["spec"]["containers"][0]["volumeMounts"]
    found = {each["mountPath"]: (volumes[each["name"]], each) for each in mounts if volumes[each["name"]]}
    assert all(claim["readOnly"] and mount["readOnly"] for claim, mount in found.values())
    return {folder: claim["claimName"] for folder, (claim, _) in found.items()}


def egress(recorder: Recorder, name: str) -> list[tuple[str, int]]:
    rules = inputs(recorder, POLICY, f"vision-serving-{name}")["spec"]["egress"]
    return [(rule["to"][0]["ipBlock"]["cidr"], int(rule["ports"][0]["port"])) for rule in rules]


def test_a_file_of_a_volume_is_read_where_it_is_mounted() -> None:
    recorder = platform(small(**declared(VOLUME)))
    assert claims(chat(recorder)) == {"/datasets/llama": "models"}
    assert {
        "MODEL_NAME": "chat",
        "MODEL_URI": "file:///datasets/llama/models/assistant-Q4_K_M.gguf",
        "MODEL_SHA256": DIGEST,
        "DATASET_LLAMA": "/datasets/llama",
    }.items() <= env(chat(recorder)).items()
    assert "vision-serving-chat" not in created(recorder, POLICY), "a volume needs no egress"
    output = recorder.outputs["endpoints"]["chat"]
    assert (output["model"], output["weights"], "version" in output) == ("chat", WEIGHTS, False)


def test_other_endpoints_have_neither_the_dataset_nor_a_digest() -> None:
    recorder = platform(small(**declared(VOLUME)))
    other = chat(recorder, "digits")
    assert claims(other) == {}
    assert env(other)["MODEL_URI"] == "models:/digits@champion"
    assert {"MODEL_SHA256", "DATASET_LLAMA"} & env(other).keys() == set()


def test_in_the_local_store_an_endpoint_has_the_team_s_key_and_reaches_it() -> None:
    recorder = platform(small(**declared(OBJECTS)))
    found = env(chat(recorder))
    assert found["MODEL_URI"] == "s3://datasets/llama/models/assistant-Q4_K_M.gguf"
    assert found["AWS_SHARED_CREDENTIALS_FILE"] == "/var/run/secrets/dataset-credentials/credentials"
    (address,) = egress(recorder, "chat")
    assert found["AWS_ENDPOINT_URL_S3"] == f"http://{address[0].removesuffix('/32')}:{address[1]}"
    secrets = [each.get("secret", {}).get("secretName") for each in chat(recorder)["spec"]["volumes"]]
    assert "dataset-credentials" in secrets
    assert "ml-platform.io/datasets" in chat(recorder)["metadata"]["annotations"], "another key is a rollout"
    assert "vision-serving-digits" not in created(recorder, POLICY)


def test_in_an_existing_store_an_endpoint_has_the_team_s_key_and_reaches_it() -> None:
    store = {
        "bucket": "research",
        "endpoint": "http://minio.example.com:9000",
        "addresses": ["203.0.113.20"],
        "accessKeys": {"vision": {"id": "reader", "secret": "data"}},
    }
    declaration = inside(in_cluster(**declared(OBJECTS)))
    declaration["foundation"]["cluster"]["datasetStore"] = store
    declaration["secrets"] |= {name: {"team": "platform"} for name in ("push", "pull", "data")}
    recorder = platform(declaration, push="a", pull="b", data="value-of-data")
    assert env(chat(recorder))["MODEL_URI"] == "s3://research/llama/models/assistant-Q4_K_M.gguf"
    assert egress(recorder, "chat") == [("203.0.113.20/32", 9000)]
    lines = inputs(recorder, SECRET, "vision-dataset-credentials")["stringData"]["credentials"].splitlines()
    assert lines == ["[default]", "aws_access_key_id = reader", "aws_secret_access_key = value-of-data"]


def test_in_s3_an_endpoint_s_role_reads_the_prefix_of_its_dataset_alone() -> None:
    more = {"other": {"team": "vision", "objects": {"prefix": "other"}}}
    recorder = platform(inside(on_aws(**declared({**OBJECTS, **more}))))
    assert [name for name in created(recorder, ROLE) if name.startswith("vision-")] == ["vision-serving-chat"]
    read, listed, _ = json.loads(inputs(recorder, POLICIES, "vision-serving-chat-datasets")["policy"])["Statement"]
    assert (read["Action"], read["Resource"]) == (["s3:GetObject"], [f"{PLACE.bucket_arn('datasets')}/llama/*"])
    assert listed["Condition"]["StringLike"] == {"s3:prefix": ["llama/*"]}
    assert chat(recorder)["spec"]["serviceAccountName"] == "serving-chat"
    found = env(chat(recorder))
    assert found["MODEL_URI"] == ("s3://ml-platform-test-datasets-123456789012/llama/models/assistant-Q4_K_M.gguf")
    assert found["AWS_ENDPOINT_URL_S3"] == "https://bucket.vpce-1-2.s3.eu-central-1.vpce.amazonaws.com"
    assert ("169.254.170.23/32", 80) in egress(recorder, "chat"), "EKS Pod Identity"


@pytest.mark.parametrize("change", [{"sha256": OTHER}, {"file": "models/b.gguf"}])
def test_another_digest_or_another_file_is_a_rollout(change: dict[str, str]) -> None:
    before, after = (
        chat(platform(small(**declared(VOLUME, weights=weights)))) for weights in (WEIGHTS, {**WEIGHTS, **change})
    )
    assert before != after


def test_a_canary_reads_the_dataset_of_its_own_weights_alone() -> None:
    both = {**OBJECTS, "next": DATASETS["next"]}
    recorder = platform(small(**declared(both, canary={"weights": NEXT, "percent": 10})))
    stable, canary = chat(recorder), chat(recorder, "chat-canary")
    assert (claims(stable), claims(canary)) == ({}, {"/datasets/next": "next"})
    assert env(canary)["MODEL_URI"] == "file:///datasets/next/b.gguf"
    assert (env(stable)["MODEL_SHA256"], env(canary)["MODEL_SHA256"]) == (DIGEST, OTHER)
    assert env(canary)["MODEL_NAME"] == "chat"
    assert "AWS_ENDPOINT_URL_S3" not in env(canary)
    assert "vision-serving-chat-canary" not in created(recorder, POLICY)


def test_a_canary_with_another_image_has_the_endpoint_s_weights() -> None:
    recorder = platform(small(**declared(VOLUME, canary={"image": "serving", "percent": 10})))
    assert claims(chat(recorder, "chat-canary")) == {"/datasets/llama": "models"}
    assert env(chat(recorder, "chat-canary"))["MODEL_SHA256"] == DIGEST


def test_other_weights_of_a_canary_change_the_route() -> None:
    def route(digest: str) -> dict[str, str]:
        canary = {"weights": {**WEIGHTS, "sha256": digest}, "percent": 10}
        recorder = platform(small(**declared(VOLUME, canary=canary)))
        found = inputs(recorder, "kubernetes:gateway.networking.k8s.io/v1:HTTPRoute", "chat")
        return dict(found["metadata"]["annotations"])

    assert route(OTHER) != route("ab" * 32), "the one that was rolled back has no say"


def test_adapters_of_the_registry_stay_beside_them() -> None:
    recorder = platform(small(**declared(VOLUME, adapters={"legal": {"model": "digits", "version": 7}})))
    assert env(chat(recorder))["ADAPTERS"] == '{"legal": "models:/digits/7"}'
    assert "MLFLOW_TRACKING_URI" in env(chat(recorder))

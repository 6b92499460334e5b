"""A language model in the dev stack: OpenAI's client through the gateway, its errors, and streams during a rollout.

Then weights in a dataset. The tests stand in the order of the stack's life and share it.
"""

from __future__ import annotations

import configparser
import hashlib
import time
from base64 import b64decode
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import boto3
import openai
import pytest
import yaml
from kubernetes import client

from cli import rollouts
from common import daemons
from common.errors import CommandError
from infra.catalogue.names import TRACKING_SECRET
from offline.cluster import gateways
from tests.cluster.object_store import compiled
from tests.gguf_model import register_gguf, written
from tests.logged_model import Login
from tests.openai_client import Stream, by_tls, complete
from tests.pulumi_engine import Pulumi
from tests.stack.conftest import NAMESPACE, STACK, TEAM
from tests.stack.submitted import declare
from tests.stack.test_dev_stack import address
from tests.waiting import eventually

MODEL, ENDPOINT, HOST = "chat", "chat", "chat.localhost"
ADAPTER, MODEL_OF_ADAPTER = "legal", "chat-legal"
DATASET, PREFIX, FILE = "llama", "models/llama/", "q4/tiny.gguf"
CALLERS = ("chat-ci", "chat-web")
PER_MINUTE = 60
LONG_STREAM = 12000
"""Tokens: a minute or more on a small machine."""
SELECTOR = f"app.kubernetes.io/name={ENDPOINT},app.kubernetes.io/component=serving"


def login_of_team(core: client.CoreV1Api) -> Login:
    """By which the team's pods read and write models."""
    secret = core.read_namespaced_secret(TRACKING_SECRET, TEAM)
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(b64decode(secret.data["credentials"]).decode())
    found = parser["mlflow"]
    return found["mlflow_tracking_username"], found["mlflow_tracking_password"]


def leave_only_the_platform(trial: Pulumi) -> None:
    """No job, no other endpoint and no monitoring: they take minutes, and nothing here depends on them."""
    file = trial.folder / f"Pulumi.{STACK}.yaml"
    document = yaml.safe_load(file.read_text())
    platform = document["config"]["ml-platform:platform"]
    models = {name: {"team": TEAM} for name in (MODEL, MODEL_OF_ADAPTER)}
    platform.update(images={}, training={}, serving={}, nodePools={}, models=models)
    del platform["monitoring"], platform["gateway"]["hosts"]["status"]
    file.write_text(yaml.safe_dump(document))


def endpoint(version: int = 1, **changes: object) -> dict[str, Any]:
    return {
        "team": TEAM,
        "engine": "llm",
        "image": "llm",
        "model": MODEL,
        "version": version,
        "replicas": 1,
        "resources": {"cpu": "300m", "memory": "1Gi"},
        "maxConcurrentRequests": 4,
        "contextLength": 16384,
        "adapters": {ADAPTER: {"model": MODEL_OF_ADAPTER, "version": 1}},
        "expose": {
            "host": HOST,
            "path": "/llm",
            "callers": [*CALLERS],
            "rateLimit": {"requests": PER_MINUTE, "per": "minute"},
            "timeout": "5m",
        },
        **changes,
    }


@pytest.fixture(scope="module")
def outputs(trial: Pulumi, core: client.CoreV1Api) -> dict[str, Any]:
    """The endpoint is declared once its model and its adapter are registered."""
    leave_only_the_platform(trial)
    tracking = trial.up().outputs["tracking"]
    url, login = address(core, tracking), login_of_team(core)
    assert register_gguf(url, login, MODEL) == "1"
    assert register_gguf(url, login, MODEL_OF_ADAPTER, adapter=True) == "1"
    secrets = {name: {"team": TEAM, "generate": True} for name in CALLERS}
    declare(trial, secrets=secrets, serving={ENDPOINT: endpoint()})
    return trial.up().outputs


@pytest.fixture(scope="module")
def gateway(core: client.CoreV1Api, outputs: dict[str, Any]) -> str:
    return str(core.read_namespaced_service("envoy", f"{NAMESPACE}-gateway").spec.cluster_ip)


def client_of(gateway: str, outputs: dict[str, Any], key: str) -> openai.OpenAI:
    url = urlsplit(outputs["endpoints"][ENDPOINT]["url"])
    assert (url.hostname, url.path) == (HOST, "/llm")
    return by_tls(gateway, HOST, url.path, outputs["gateway"]["trusted"], key)


@pytest.fixture
def ci(gateway: str, outputs: dict[str, Any]) -> Iterator[openai.OpenAI]:
    with client_of(gateway, outputs, outputs["endpoints"][ENDPOINT]["callers"][CALLERS[0]]) as found:
        eventually(partial(answers, found), 60, "the gateway to know the route")
        yield found


def answers(caller: openai.OpenAI) -> bool:
    try:
        return [each.id for each in caller.models.list()] == [MODEL, ADAPTER]
    except openai.APIError:
        return False


def test_openai_s_client_chats_and_streams(ci: openai.OpenAI, outputs: dict[str, Any]) -> None:
    assert outputs["endpoints"][ENDPOINT]["engine"] == "llm"
    assert complete(ci, MODEL) == MODEL
    assert complete(ci, ADAPTER) == ADAPTER
    stream = Stream(ci, MODEL, 200)
    stream.join(120)
    assert stream.end == "length"
    assert stream.chunks > 50, "it arrives in parts"


def test_refusals_have_the_openai_api_s_form(ci: openai.OpenAI, gateway: str, outputs: dict[str, Any]) -> None:
    with client_of(gateway, outputs, "wrong") as stranger, pytest.raises(openai.AuthenticationError) as unknown:
        complete(stranger, MODEL)
    assert (unknown.value.code, unknown.value.type) == ("invalid_api_key", "invalid_request_error")
    with pytest.raises(openai.NotFoundError) as model:
        complete(ci, "other")
    assert model.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError) as path:
        ci.embeddings.create(model=MODEL, input="hi")
    assert path.value.code == "not_found"


def test_a_caller_that_calls_too_often_waits_and_others_do_not(
    ci: openai.OpenAI, gateway: str, outputs: dict[str, Any]
) -> None:
    key = outputs["endpoints"][ENDPOINT]["callers"][CALLERS[1]]
    with client_of(gateway, outputs, key) as web, pytest.raises(openai.RateLimitError) as limited:
        for _ in range(2 * PER_MINUTE + 1):
            web.models.list()
    assert (limited.value.code, limited.value.type) == ("rate_limit_exceeded", "rate_limit_error")
    assert limited.value.response.headers["retry-after"] == "60"
    assert complete(ci, MODEL) == MODEL


def test_a_stream_survives_a_rollout_and_no_request_fails(
    core: client.CoreV1Api, apps: client.AppsV1Api, ci: openai.OpenAI
) -> None:
    (old,) = core.list_namespaced_pod(TEAM, label_selector=SELECTOR).items
    stream = Stream(ci, MODEL, LONG_STREAM)
    eventually(lambda: stream.chunks > 5, what="the first tokens")
    when = {"kubectl.kubernetes.io/restartedAt": datetime.now(UTC).isoformat()}
    apps.patch_namespaced_deployment(ENDPOINT, TEAM, {"spec": {"template": {"metadata": {"annotations": when}}}})
    models: list[str] = []

    def is_replaced() -> bool:
        models.append(complete(ci, MODEL, 1))
        time.sleep(2)  # within the limit of a caller
        return rolled_out_in(apps, TEAM, ENDPOINT) and is_ending(core, old.metadata.name)

    eventually(is_replaced, 180, "the new pod")
    replaced = time.monotonic()
    while stream.end is None and time.monotonic() - replaced < 240:
        models.append(complete(ci, MODEL, 1))
        time.sleep(2)
    stream.join(10)
    print(
        f"{stream.chunks} chunks, the last one {stream.ended - replaced:.0f} s after the rollout; {len(models)} others"
    )
    assert stream.end == "length"
    assert stream.ended > replaced, "the stream was too short to say anything"
    assert set(models) == {MODEL}
    eventually(lambda: not exists(core, old.metadata.name), 60, "the end of the old pod")


def rolled_out_in(apps: client.AppsV1Api, namespace: str, name: str) -> bool:
    found = apps.read_namespaced_deployment(name, namespace)
    status, wanted = found.status, found.spec.replicas
    seen = status.observed_generation == found.metadata.generation
    return bool(seen and status.updated_replicas == status.available_replicas == wanted)


def is_ending(core: client.CoreV1Api, pod: str) -> bool:
    found = [each for each in core.list_namespaced_pod(TEAM).items if each.metadata.name == pod]
    return not found or found[0].metadata.deletion_timestamp is not None


def exists(core: client.CoreV1Api, pod: str) -> bool:
    return pod in [each.metadata.name for each in core.list_namespaced_pod(TEAM).items]


@pytest.fixture
def weights(trial: Pulumi, outputs: dict[str, Any], registry_port: int) -> Iterator[dict[str, str]]:
    """A file in the stack's object store, which pods reach as after `make up`."""
    gateway = gateways.to_loopback(registry_port + 2)
    gateway.start()
    try:
        compiled()
        declare(trial, datasets={DATASET: {"team": TEAM, "objects": {"prefix": PREFIX}}})
        bucket, content = trial.up().outputs["datasets"], written()
        store = boto3.client(
            "s3",
            endpoint_url=bucket["endpoint"],
            region_name="us-east-1",
            aws_access_key_id=bucket["access_key"],
            aws_secret_access_key=bucket["secret_key"],
        )
        store.put_object(Bucket=bucket["bucket"], Key=f"{PREFIX}{FILE}", Body=content)
        yield {"dataset": DATASET, "file": FILE, "sha256": hashlib.sha256(content).hexdigest()}
    finally:
        daemons.stop(gateway.name)


def with_weights(weights: dict[str, str], **changes: object) -> dict[str, Any]:
    """The endpoint with them instead of the version; the model has the same name, which is the endpoint's."""
    declared = {**endpoint(), "weights": weights, **changes}
    return {name: value for name, value in declared.items() if name not in ("model", "version")}


def test_weights_in_a_dataset_are_served_by_their_digest_alone(
    core: client.CoreV1Api, trial: Pulumi, ci: openai.OpenAI, weights: dict[str, str]
) -> None:
    declare(trial, serving={ENDPOINT: with_weights(weights)})
    assert trial.up().outputs["endpoints"][ENDPOINT]["weights"] == weights
    eventually(
        lambda: len(core.list_namespaced_pod(TEAM, label_selector=SELECTOR).items) == 1, 180, "the old pod's end"
    )
    assert [complete(ci, name) for name in (MODEL, ADAPTER)] == [MODEL, ADAPTER]
    (old,) = core.list_namespaced_pod(TEAM, label_selector=SELECTOR).items
    assert source(old) == f"s3://datasets/{PREFIX}{FILE}"
    declare(trial, serving={ENDPOINT: with_weights({**weights, "sha256": "ab" * 32}, timeout="1m")})
    trial.up(check=False)
    # The provider may see nothing of it.
    with pytest.raises(CommandError, match=f"{TEAM}/{ENDPOINT} is not rolled out"):
        rollouts.require_complete(core.api_client, [f"{TEAM}/{ENDPOINT}"])
    refused = f"llm: {source(old)}: has the SHA-256 digest {weights['sha256']}, and is to have {'ab' * 32}"
    eventually(lambda: refused in last_lines(core, other_than=old.metadata.name), 120, "the reason")
    assert complete(ci, MODEL) == MODEL, "the old pod answers on"
    declare(trial, serving={ENDPOINT: with_weights(weights)})
    trial.up()
    assert complete(ci, MODEL) == MODEL


def source(pod: Any) -> str:
    """Where its model is."""
    return next(str(each.value) for each in pod.spec.containers[0].env if each.name == "MODEL_URI")


def last_lines(core: client.CoreV1Api, other_than: str) -> list[str]:
    """Of the endpoint's other pods, of whose containers each has ended or is waiting to be started again."""
    pods = [each.metadata.name for each in core.list_namespaced_pod(TEAM, label_selector=SELECTOR).items]
    logs = [core.read_namespaced_pod_log(pod, TEAM, tail_lines=1) for pod in pods if pod != other_than]
    return [log.strip() for log in logs]


def test_destroy_leaves_no_pod(core: client.CoreV1Api, trial: Pulumi, outputs: dict[str, Any]) -> None:
    trial.destroy()
    assert trial.resources() == []

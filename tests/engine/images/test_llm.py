"""The image for language models: OpenAI's client, weights from the tracking server, a stream that outlives SIGTERM."""

import hashlib
import time
from pathlib import Path

import openai
import pytest
from docker.models.containers import Container

from tests.engine.images.engine import Engine, WriteSecrets, address, run_to_end, wait_for
from tests.engine.images.services import TEAMS, TRACKING_URI, Tracking, mounted
from tests.gguf_model import register_gguf, written
from tests.openai_client import Stream, complete, plain
from tests.waiting import eventually

MODEL, KEY = "chat", "a-key-of-a-caller"
KEYS, DATASET = "/var/run/secrets/key", "/datasets/llama"


@pytest.fixture(scope="module")
def registered(tracking: Tracking) -> str:
    return register_gguf(tracking.url, tracking.teams[TEAMS[0]], MODEL)


@pytest.fixture(scope="module")
def keys(write_secrets: WriteSecrets) -> Path:
    return write_secrets("llm-keys", {"accepted": f"{KEY}\n"})


def start(
    engine: Engine,
    credentials: Path,
    keys: Path,
    uri: str = f"models:/{MODEL}/1",
    volume: Path | None = None,
    **more: str,
) -> Container:
    """`volume` is mounted as a dataset is."""
    return engine.start(
        "llm",
        environment={
            "MLFLOW_TRACKING_URI": TRACKING_URI,
            "MODEL_NAME": MODEL,
            "MODEL_URI": uri,
            "API_KEYS_FILE": f"{KEYS}/accepted",
            "MAX_CONCURRENT_REQUESTS": "2",
            "CONTEXT_LENGTH": "16384",
            "GRACE_SECONDS": "120",
            "DRAIN_SECONDS": "2",
            **more,
        },
        volumes={
            **mounted(credentials, "/home/nonroot/.mlflow"),
            **mounted(keys, KEYS),
            **(mounted(volume, DATASET) if volume else {}),
        },
        ports={"8080/tcp": ("127.0.0.1", 0)},
    )


def test_openai_s_client_talks_to_it_until_it_has_ended(
    engine: Engine, registered: str, credentials: Path, keys: Path
) -> None:
    container = start(engine, credentials, keys)
    url = address(container, 8080)
    wait_for(f"{url}/v2/health/ready", container)
    client = plain(url, KEY)
    assert [each.id for each in client.models.list()] == [MODEL]
    assert complete(client, MODEL) == MODEL
    with pytest.raises(openai.AuthenticationError) as unknown:
        complete(plain(url, "another"), MODEL)
    assert unknown.value.code == "invalid_api_key"
    with pytest.raises(openai.NotFoundError) as other:
        complete(client, "other")
    assert other.value.code == "model_not_found"
    stream = Stream(client, MODEL, 8000)
    eventually(lambda: stream.chunks > 5, what="the first tokens")
    container.kill("SIGTERM")
    signalled = time.monotonic()
    wait_for(f"{url}/v2/health/ready", container, status=503)
    stream.join(120)
    assert stream.end == "length"
    assert stream.ended - signalled > 2
    assert run_to_end(container)[0] == 0


def test_weights_that_are_not_those_of_the_digest_end_it(
    engine: Engine, tracking: Tracking, credentials: Path, keys: Path
) -> None:
    register_gguf(tracking.url, tracking.teams[TEAMS[0]], "damaged", digest="00")
    code, log = run_to_end(start(engine, credentials, keys, "models:/damaged/1"))
    assert code == 1
    assert "its tag 'sha256' is 00" in log.splitlines()[-1]


def test_a_version_of_another_team_is_not_read(
    engine: Engine, tracking: Tracking, credentials: Path, keys: Path
) -> None:
    register_gguf(tracking.url, tracking.teams[TEAMS[1]], "theirs")
    code, log = run_to_end(start(engine, credentials, keys, "models:/theirs/1"))
    assert code == 1
    assert log.splitlines()[-1].startswith("llm: models:/theirs/1: ")


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dataset")
    folder.chmod(0o755)
    (folder / "tiny.gguf").write_bytes(written())
    (folder / "tiny.gguf").chmod(0o644)
    return folder


def test_weights_of_a_volume_are_served_without_a_copy(
    engine: Engine, credentials: Path, keys: Path, volume: Path
) -> None:
    digest = hashlib.sha256((volume / "tiny.gguf").read_bytes()).hexdigest()
    container = start(engine, credentials, keys, f"file://{DATASET}/tiny.gguf", volume, MODEL_SHA256=digest)
    url = address(container, 8080)
    wait_for(f"{url}/v2/health/ready", container)
    assert complete(plain(url, KEY), MODEL) == MODEL
    assert container.exec_run(["find", "/tmp", "-name", "*.gguf"]).output == b""


def test_a_file_of_a_volume_with_another_digest_ends_it(
    engine: Engine, credentials: Path, keys: Path, volume: Path
) -> None:
    uri = f"file://{DATASET}/tiny.gguf"
    code, log = run_to_end(start(engine, credentials, keys, uri, volume, MODEL_SHA256="ab" * 32))
    assert code == 1
    assert log.splitlines()[-1].startswith(f"llm: {uri}: has the SHA-256 digest ")

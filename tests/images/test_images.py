"""The images together: a tracking server, a model trained against it, a server that answers with that model."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import requests
from docker.models.containers import Container

from tests.images.conftest import IMAGES, USERNAME, Engine, address, output, run_to_end, wait_for

TRACKING_URI = "http://tracking:5000"
MODEL = "digits"
WriteSecrets = Callable[[str, dict[str, str]], Path]


@dataclass
class Tracking:
    url: str
    login: tuple[str, str]
    container: Container

    def artifact(self, run_id: str, path: str) -> Any:  # noqa: ANN401
        answer = requests.get(
            f"{self.url}/get-artifact", {"run_uuid": run_id, "path": path}, auth=self.login, timeout=20
        )
        answer.raise_for_status()
        return answer.json()

    def champion(self) -> dict[str, Any]:
        answer = requests.get(
            f"{self.url}/api/2.0/mlflow/registered-models/alias",
            {"name": MODEL, "alias": "champion"},
            auth=self.login,
            timeout=20,
        )
        answer.raise_for_status()
        version: dict[str, Any] = answer.json()["model_version"]
        return version


@pytest.fixture(scope="module")
def tracking(engine: Engine, write_secrets: WriteSecrets) -> Tracking:
    secrets = {"username": USERNAME, "password": engine.password, "flask-secret-key": engine.password[::-1]}
    container = engine.start(
        "tracking",
        "tracking",
        environment={"MLFLOW_SERVER_ALLOWED_HOSTS": "tracking:5000,127.0.0.1:*"},
        tmpfs={"/data": "uid=65532,gid=65532,mode=0750"},
        volumes=mounted(write_secrets("tracking", secrets), "/var/run/secrets/tracking"),
        ports={"5000/tcp": ("127.0.0.1", 0)},
    )
    url = address(container, 5000)
    wait_for(f"{url}/health", container)
    return Tracking(url, (USERNAME, engine.password), container)


@pytest.fixture(scope="module")
def credentials(engine: Engine, write_secrets: WriteSecrets) -> Path:
    return write_secrets("credentials", {"credentials": mlflow_credentials(engine.password)})


@pytest.fixture(scope="module")
def trained(engine: Engine, tracking: Tracking, credentials: Path) -> str:
    code, log = run_to_end(train(engine, credentials))
    assert code == 0, log
    return log


@pytest.fixture(scope="module")
def endpoint(engine: Engine, trained: str, credentials: Path) -> Iterator[str]:
    container = serve(engine, credentials)
    url = address(container, 8080)
    wait_for(f"{url}/v2/health/ready", container)
    yield url


def mounted(folder: Path, path: str) -> dict[str, dict[str, str]]:
    return {str(folder): {"bind": path, "mode": "ro"}}


def mlflow_credentials(password: str) -> str:
    return f"[mlflow]\nmlflow_tracking_username = {USERNAME}\nmlflow_tracking_password = {password}\n"


def train(engine: Engine, credentials: Path, *arguments: str, uri: str = TRACKING_URI) -> Container:
    return engine.start(
        "training",
        command=list(arguments),
        environment={"MLFLOW_TRACKING_URI": uri, "MLFLOW_EXPERIMENT_NAME": MODEL, "MODEL_NAME": MODEL},
        volumes=mounted(credentials, "/home/nonroot/.mlflow"),
    )


def serve(
    engine: Engine, credentials: Path, uri: str = f"models:/{MODEL}@champion", tracking_uri: str = TRACKING_URI
) -> Container:
    return engine.start(
        "serving",
        environment={"MLFLOW_TRACKING_URI": tracking_uri, "MODEL_NAME": MODEL, "MODEL_URI": uri, "DRAIN_SECONDS": "2"},
        volumes=mounted(credentials, "/home/nonroot/.mlflow"),
        ports={"8080/tcp": ("127.0.0.1", 0)},
    )


def infer(endpoint: str, images: list[list[float]], **changes: object) -> requests.Response:
    tensor = {"name": "image", "datatype": "FP32", "shape": [len(images), 64], "data": images} | changes
    return requests.post(f"{endpoint}/v2/models/{MODEL}/infer", json={"id": "1", "inputs": [tensor]}, timeout=20)


def labels_of(answer: requests.Response) -> list[int]:
    answer.raise_for_status()
    outputs = {output["name"]: output["data"] for output in answer.json()["outputs"]}
    labels: list[int] = outputs["label"]
    return labels


@pytest.mark.parametrize("name", ["serving", "tracking", "training"])
def test_unit_tests_pass_inside_the_image(engine: Engine, name: str) -> None:
    container = engine.start(
        name,
        entrypoint=["python", "-m", "unittest", "discover", "-s", "/tests"],
        environment={"PYTHONPATH": "/app"},
        volumes=mounted(IMAGES / name / "tests", "/tests"),
    )
    code, log = run_to_end(container)
    assert code == 0, log
    assert "Ran 0 tests" not in log


@pytest.mark.parametrize("name", ["base", "registry", "serving", "tracking", "training"])
def test_images_run_as_nobody_in_particular(engine: Engine, name: str) -> None:
    assert engine.client.images.get(engine.image(name)).attrs["Config"]["User"] == "65532:65532"


@pytest.mark.parametrize("name", ["serving", "tracking", "training"])
def test_images_hold_no_compiler_and_no_installer(engine: Engine, name: str) -> None:
    tools = "gcc cc make uv"
    container = engine.start(
        name, entrypoint=["sh", "-c", f"for tool in {tools}; do command -v $tool; done; du -s /tmp /root"]
    )
    _, log = run_to_end(container)
    assert not [line for line in log.splitlines() if line.startswith("/")], log


def test_a_model_is_trained_and_becomes_champion(tracking: Tracking, trained: str) -> None:
    assert "digits version 1 is now the champion" in trained
    assert "Traceback" not in trained
    assert tracking.champion()["version"] == "1"


def test_a_worse_model_does_not_become_champion(
    engine: Engine, tracking: Tracking, trained: str, credentials: Path
) -> None:
    code, log = run_to_end(train(engine, credentials, "--gamma", "10"))
    assert code == 0, log
    assert "does not become the champion" in log
    assert tracking.champion()["version"] == "1"


def test_held_out_digits_are_recognized_by_the_served_model(tracking: Tracking, endpoint: str) -> None:
    holdout = tracking.artifact(tracking.champion()["run_id"], "holdout/holdout.json")
    predicted = labels_of(infer(endpoint, holdout["inputs"]))
    right = sum(a == b for a, b in zip(predicted, holdout["labels"], strict=True))
    assert right / len(predicted) > 0.95


def test_the_answer_and_the_metadata_name_the_registered_version(endpoint: str) -> None:
    assert infer(endpoint, [[0] * 64]).json()["model_version"] == "1"
    metadata = requests.get(f"{endpoint}/v2/models/{MODEL}", timeout=20).json()
    assert metadata["versions"] == ["1"]
    assert metadata["inputs"] == [{"name": "image", "datatype": "FP32", "shape": [-1, 64]}]
    assert requests.get(f"{endpoint}/v2/models/{MODEL}/versions/1/ready", timeout=20).json()["ready"] is True


@pytest.mark.parametrize(
    ("images", "changes", "status", "reason"),
    [
        ([[0] * 64], {"name": "picture"}, 400, "unknown input 'picture'; the model takes image"),
        ([[0] * 64], {"datatype": "FP64"}, 400, "input 'image': datatype is FP64, the model takes FP32"),
        ([[0] * 63], {"shape": [1, 63]}, 400, "input 'image': shape is [1, 63], the model takes [-1, 64]"),
        ([[0] * 64], {"shape": [2, 64]}, 400, "input 'image': data is nested as [1, 64], but shape is [2, 64]"),
        ([["a"] * 64], {}, 400, "input 'image': element 0 is not a number"),
        ([[0] * 64], {"data": None}, 400, "inputs.0.data: Input should be a valid list"),
    ],
)
def test_a_request_that_does_not_fit_is_refused_with_the_reason(
    endpoint: str, images: list[list[float]], changes: dict[str, object], status: int, reason: str
) -> None:
    answer = infer(endpoint, images, **changes)
    assert answer.status_code == status
    assert answer.json()["error"].startswith(reason)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("{", "JSON decode error"),
        ("{}", "inputs: Field required"),
        ('{"inputs": []}', "inputs: List should have at least 1 item"),
        (
            '{"inputs": [{"name": "image", "datatype": "FP32", "shape": [1, 64], "data": [NaN%s]}]}' % (", 0" * 63),
            "input 'image': element 0 is not a finite number",
        ),
    ],
)
def test_a_malformed_body_is_refused_with_the_reason(endpoint: str, body: str, reason: str) -> None:
    answer = requests.post(
        f"{endpoint}/v2/models/{MODEL}/infer", body, headers={"content-type": "application/json"}, timeout=20
    )
    assert answer.status_code == 400
    assert reason in answer.json()["error"]


@pytest.mark.parametrize("path", ["models/other", "models/other/infer", f"models/{MODEL}/versions/9"])
def test_other_models_and_versions_are_not_found(endpoint: str, path: str) -> None:
    send = requests.post if path.endswith("infer") else requests.get
    answer = send(
        f"{endpoint}/v2/{path}",
        json={"inputs": [{"name": "a", "shape": [1], "datatype": "FP32", "data": [1]}]},
        timeout=20,
    )
    assert answer.status_code == 404
    assert "this server has" in answer.json()["error"]


def test_metrics_count_by_version_and_code(endpoint: str) -> None:
    infer(endpoint, [[0] * 64])
    infer(endpoint, [[0] * 63])
    page = requests.get(f"{endpoint}/metrics", timeout=20).text
    assert 'inference_model_info{model="digits",run_id="' in page
    for code in ("200", "400"):
        assert f'inference_requests_total{{code="{code}",model="digits",version="1"}}' in page
        assert f'inference_request_duration_seconds_count{{code="{code}",model="digits",version="1"}}' in page


def test_no_request_is_lost_when_a_server_is_told_to_stop(engine: Engine, trained: str, credentials: Path) -> None:
    """While it drains it answers every request, says that it isn't ready, and ends kept connections."""
    container = serve(engine, credentials)
    url = address(container, 8080)
    wait_for(f"{url}/v2/health/ready", container)
    statuses, told = [], Event()

    def ask() -> None:
        session = requests.Session()
        for _ in range(40):
            statuses.append(session.post(f"{url}/v2/models/{MODEL}/infer", json=DIGIT, timeout=20).status_code)
            if len(statuses) == 10:
                told.set()

    client = Thread(target=ask)
    client.start()
    assert told.wait(20)
    container.kill("SIGTERM")
    wait_for(f"{url}/v2/health/ready", container, status=503)
    assert requests.get(f"{url}/v2/health/live", timeout=5).headers["connection"] == "close"
    client.join(20)
    assert statuses == [200] * 40
    assert run_to_end(container)[0] == 0


def test_a_server_that_waits_for_its_model_stops_at_once(engine: Engine, credentials: Path) -> None:
    """192.0.2.1 is an address that nobody has: the registry neither answers nor refuses."""
    container = serve(engine, credentials, uri=f"models:/{MODEL}/1", tracking_uri="http://192.0.2.1:5000")
    url = address(container, 8080)
    wait_for(f"{url}/v2/health/live", container)
    assert requests.get(f"{url}/v2/health/ready", timeout=5).status_code == 503
    assert requests.get(f"{url}/v2/models/{MODEL}", timeout=5).status_code == 503
    begin = time.monotonic()
    container.stop(timeout=20)
    assert time.monotonic() - begin < 10
    assert run_to_end(container)[0] == 0


DIGIT = {"inputs": [{"name": "image", "datatype": "FP32", "shape": [1, 64], "data": [0.0] * 64}]}


def test_tracking_refuses_wrong_and_missing_passwords_but_tells_its_health(tracking: Tracking) -> None:
    search = f"{tracking.url}/api/2.0/mlflow/experiments/search?max_results=1"
    assert requests.get(search, timeout=20).status_code == 401
    assert requests.get(search, auth=(USERNAME, "wrong"), timeout=20).status_code == 401
    assert requests.get(search, auth=tracking.login, timeout=20).status_code == 200
    assert requests.get(f"{tracking.url}/health", timeout=20).status_code == 200
    assert requests.get(search, auth=tracking.login, headers={"host": "elsewhere"}, timeout=20).status_code == 403


def test_tracking_has_its_user_interface(tracking: Tracking) -> None:
    page = requests.get(tracking.url, auth=tracking.login, timeout=20)
    assert page.ok
    assert "<title>MLflow</title>" in page.text


def test_tracking_writes_the_password_to_no_log(engine: Engine, tracking: Tracking) -> None:
    assert engine.password not in output(tracking.container)


def test_training_with_a_wrong_password_says_so_in_one_line(
    engine: Engine, tracking: Tracking, write_secrets: WriteSecrets
) -> None:
    wrong = write_secrets("wrong", {"credentials": mlflow_credentials("wrong")})
    code, log = run_to_end(train(engine, wrong))
    assert code == 1
    assert log.splitlines()[-1].endswith(
        "the tracking server refused the credentials; check the mounted MLflow credentials file"
    )
    assert "Traceback" not in log


@pytest.mark.parametrize("uri", ["http://tracking:1", "http://nowhere:5000"])
def test_training_without_a_tracking_server_says_so_in_one_line(engine: Engine, credentials: Path, uri: str) -> None:
    code, log = run_to_end(train(engine, credentials, uri=uri))
    assert code == 1
    assert log.splitlines()[-1].startswith(f"training: {uri}: the tracking server can't be reached (")
    assert "Traceback" not in log


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        (f"models:/{MODEL}@challenger", "challenger"),
        (f"models:/{MODEL}/99", "99"),
        ("models:/unknown@champion", "unknown"),
        ("digits", "not a model URI"),
    ],
)
def test_serving_without_its_model_ends_and_says_why(
    engine: Engine, trained: str, credentials: Path, uri: str, reason: str
) -> None:
    code, log = run_to_end(serve(engine, credentials, uri))
    assert code == 1
    assert log.splitlines()[-1].startswith(f"serving: {uri}: ")
    assert reason in log.splitlines()[-1]
    assert "Traceback" not in log


def test_registry_asks_for_a_login(engine: Engine, write_secrets: WriteSecrets) -> None:
    import bcrypt

    line = f"{USERNAME}:{bcrypt.hashpw(engine.password.encode(), bcrypt.gensalt(4)).decode()}\n"
    container = engine.start(
        "registry",
        volumes=mounted(write_secrets("auth", {"htpasswd": line}), "/auth"),
        ports={"5000/tcp": ("127.0.0.1", 0)},
    )
    url = address(container, 5000)
    wait_for(f"{url}/v2/", container, status=401)
    assert requests.get(f"{url}/v2/_catalog", auth=(USERNAME, "wrong"), timeout=20).status_code == 401
    answer = requests.get(f"{url}/v2/_catalog", auth=(USERNAME, engine.password), timeout=20)
    assert answer.json() == {"repositories": []}
    begun = requests.post(f"{url}/v2/some/image/blobs/uploads/", auth=(USERNAME, engine.password), timeout=20)
    assert begun.status_code == 202, "its storage is not writable"

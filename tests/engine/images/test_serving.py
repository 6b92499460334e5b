"""The served model: its answers, its refusals, and how it starts and stops."""

import itertools
import json
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import requests

from tests.engine.images.engine import Engine, address, run_to_end, wait_for
from tests.engine.images.services import MODEL, Tracking, serve
from tests.waiting import eventually

JSON_SIZE = "Inference-Header-Content-Length"
DIGIT = {"inputs": [{"name": "image", "datatype": "FP32", "shape": [1, 64], "data": [0.0] * 64}]}


def infer(endpoint: str, images: list[list[float]], **changes: object) -> requests.Response:
    tensor = {"name": "image", "datatype": "FP32", "shape": [len(images), 64], "data": images} | changes
    return requests.post(f"{endpoint}/v2/models/{MODEL}/infer", json={"id": "1", "inputs": [tensor]}, timeout=20)


def outputs_of(answer: requests.Response) -> dict[str, list[Any]]:
    answer.raise_for_status()
    return {output["name"]: output["data"] for output in answer.json()["outputs"]}


def labels_of(answer: requests.Response) -> list[int]:
    return outputs_of(answer)["label"]


def test_held_out_digits_are_recognized_by_the_served_model(tracking: Tracking, endpoint: str) -> None:
    holdout = tracking.artifact(tracking.champion()["run_id"], "holdout/holdout.json")
    predicted = labels_of(infer(endpoint, holdout["inputs"]))
    right = sum(a == b for a, b in zip(predicted, holdout["labels"], strict=True))
    assert right / len(predicted) > 0.95


def test_probabilities_are_in_the_answer(tracking: Tracking, endpoint: str) -> None:
    holdout = tracking.artifact(tracking.champion()["run_id"], "holdout/holdout.json")
    outputs = outputs_of(infer(endpoint, holdout["inputs"][:1]))
    probabilities = outputs["probabilities"]
    assert min(probabilities) >= 0
    assert sum(probabilities) == pytest.approx(1, abs=1e-5)
    assert outputs["label"] == [probabilities.index(max(probabilities))]


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
        ([["a"] * 64], {}, 400, "input 'image': data: Expected `float`, got `str` - at `$[0][0]`"),
        ([[0] * 64], {"data": None}, 400, "input 'image': data: Expected `array`, got `null`"),
        ([], {}, 400, "input 'image': the batch is empty: shape is [0, 64]; send at least one element"),
        ([[0] * 64], {"shape": "64"}, 400, "Expected `array`, got `str` - at `$.inputs[0].shape`"),
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
        ("{", "Input data was truncated"),
        ("{}", "Object missing required field `inputs`"),
        ('{"inputs": []}', "Expected `array` of length >= 1 - at `$.inputs`"),
        (
            '{"inputs": [{"name": "image", "datatype": "FP32", "shape": [1, 64], "data": [NaN%s]}]}' % (", 0" * 63),
            "JSON is malformed: invalid character (byte 77)",
        ),
        (
            '{"inputs": [{"name": "image", "datatype": "FP32", "shape": [1, 64], "data": [1e39%s]}]}' % (", 0" * 63),
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


def test_binary_tensors_have_the_results_of_json(tracking: Tracking, endpoint: str) -> None:
    holdout = tracking.artifact(tracking.champion()["run_id"], "holdout/holdout.json")
    images = holdout["inputs"][:3]
    expected = outputs_of(infer(endpoint, images))
    data = struct.pack("<192f", *itertools.chain.from_iterable(images))
    tensor = {"name": "image", "datatype": "FP32", "shape": [3, 64], "parameters": {"binary_data_size": len(data)}}
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    headers = {"Content-Type": "application/octet-stream", JSON_SIZE: str(len(head))}
    answer = requests.post(f"{endpoint}/v2/models/{MODEL}/infer", head + data, headers=headers, timeout=20)
    answer.raise_for_status()
    size = int(answer.headers[JSON_SIZE])
    outputs = {output["name"]: output for output in json.loads(answer.content[:size])["outputs"]}
    assert [outputs[name]["parameters"]["binary_data_size"] for name in ("label", "probabilities")] == [24, 120]
    assert list(struct.unpack("<3q", answer.content[size : size + 24])) == expected["label"]
    assert struct.unpack("<30f", answer.content[size + 24 :]) == pytest.approx(expected["probabilities"], abs=1e-6)


def test_a_binary_tensor_that_does_not_fit_is_refused_with_the_reason(endpoint: str) -> None:
    tensor = {"name": "image", "datatype": "FP32", "shape": [1, 64], "parameters": {"binary_data_size": 4}}
    head = json.dumps({"inputs": [tensor]}).encode()
    answer = requests.post(
        f"{endpoint}/v2/models/{MODEL}/infer", head + bytes(4), headers={JSON_SIZE: str(len(head))}, timeout=20
    )
    assert answer.status_code == 400
    assert answer.json()["error"] == "input 'image': shape [1, 64] of FP32 needs 256 bytes, binary_data_size is 4"


def test_concurrent_requests_are_batched_and_have_their_own_results(tracking: Tracking, endpoint: str) -> None:
    holdout = tracking.artifact(tracking.champion()["run_id"], "holdout/holdout.json")
    images = holdout["inputs"][:64]
    expected = labels_of(infer(endpoint, images))

    def are_batched(clients: ThreadPoolExecutor) -> bool:
        answers = clients.map(lambda image: labels_of(infer(endpoint, [image])), images)
        assert [label for [label] in answers] == expected
        page = requests.get(f"{endpoint}/metrics", timeout=20).text
        runs, alone = (
            float(page.split(f'inference_batch_size_{name}model="{MODEL}",version="1"}} ')[1].split()[0])
            for name in ("count{", 'bucket{le="1.0",')
        )
        return runs > alone

    with ThreadPoolExecutor(16) as clients:
        eventually(lambda: are_batched(clients), 60, "a run for several requests")


def test_no_request_is_lost_when_a_server_is_told_to_stop(engine: Engine, trained: str, credentials: Path) -> None:
    """While it drains it answers every request, says that it isn't ready, and ends kept connections."""
    container = serve(engine, credentials, drain_seconds=15)
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
    client.join(60)
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
    assert time.monotonic() - begin < 15
    assert run_to_end(container)[0] == 0


def test_serving_what_is_no_model_ends_and_says_why(engine: Engine, trained: str, credentials: Path) -> None:
    code, log = run_to_end(serve(engine, credentials, "digits"))
    assert code == 1
    assert log.splitlines()[-1].startswith("serving: digits: not a model URI")
    assert "Traceback" not in log


def test_a_fixed_version_that_is_missing_ends_the_server_and_its_rollout(
    engine: Engine, trained: str, credentials: Path
) -> None:
    code, log = run_to_end(serve(engine, credentials, f"models:/{MODEL}/99"))
    assert code == 1
    assert log.splitlines()[-1].startswith(f"serving: models:/{MODEL}/99: the model registry has no such version yet")


@pytest.mark.parametrize("uri", [f"models:/{MODEL}@challenger", "models:/unknown@champion"])
def test_a_server_without_a_version_is_ready_and_its_model_is_not(
    engine: Engine, trained: str, credentials: Path, uri: str
) -> None:
    container = serve(engine, credentials, uri)
    url = address(container, 8080)
    wait_for(f"{url}/v2/health/ready", container)
    refused = requests.get(f"{url}/v2/models/{MODEL}", timeout=20)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "10")
    assert refused.json()["error"].startswith(f"{uri}: the model registry has no such version yet")
    assert 'inference_model_loaded{model="digits"} 0.0' in requests.get(f"{url}/metrics", timeout=20).text


def test_an_alias_is_followed_without_a_restart(
    engine: Engine, trained: str, credentials: Path, tracking: Tracking
) -> None:
    container = serve(engine, credentials, f"models:/{MODEL}@challenger")
    url = address(container, 8080)
    wait_for(f"{url}/v2/health/ready", container)
    assert infer(url, [[0] * 64]).status_code == 503
    tracking.alias("challenger", version="1")
    eventually(lambda: infer(url, [[0] * 64]).ok, 30, "the version that has the alias now")
    assert infer(url, [[0] * 64]).json()["model_version"] == "1"

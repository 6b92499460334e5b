"""Training against a real tracking server: promotion, and what it says when it can't."""

from contextlib import suppress
from pathlib import Path

import pytest
import requests

from tests.engine.images.engine import Engine, WriteSecrets, address, run_to_end
from tests.engine.images.services import Tracking, mlflow_credentials, train
from tests.waiting import eventually


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


def test_a_job_tells_how_far_it_is_while_it_runs(engine: Engine, tracking: Tracking, credentials: Path) -> None:
    job = train(engine, credentials, metrics_port=8000)
    url = address(job, 8000)
    told: dict[str, float] = {}

    def seen() -> bool:
        with suppress(requests.RequestException):
            told.update(numbers(requests.get(f"{url}/metrics", timeout=5).text))
        job.reload()
        return job.status == "exited"

    eventually(seen, 120, "the end of the job")
    assert run_to_end(job)[0] == 0
    assert 0.5 < told["training_progress_ratio"] <= 1
    assert told["training_samples_per_second"] > 0
    assert 0 < told['training_loss{split="holdout"}'] < 1
    assert told['training_accuracy{split="holdout"}'] > 0.97


def numbers(page: str) -> dict[str, float]:
    lines = [line.rsplit(" ", 1) for line in page.splitlines() if line.startswith("training_")]
    return {name: float(value) for name, value in lines}


def test_training_with_a_wrong_password_says_so_in_one_line(
    engine: Engine, tracking: Tracking, write_secrets: WriteSecrets
) -> None:
    wrong = write_secrets("wrong", {"credentials": mlflow_credentials("vision", "wrong")})
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


def test_pytorch_trains_the_same_model_twice_with_one_seed(
    engine: Engine, tracking: Tracking, credentials: Path
) -> None:
    """Two epochs on the CPU, in the way that a job runs them."""
    found = [_trained_by_pytorch(engine, tracking, credentials, "--epochs", "2", "--seed", "3") for _ in range(2)]
    assert found[0] == found[1]
    assert found[0]["holdout_accuracy"] > 0.3
    other = _trained_by_pytorch(engine, tracking, credentials, "--epochs", "2", "--seed", "4")
    assert other["train_loss"] != found[0]["train_loss"]


def _trained_by_pytorch(engine: Engine, tracking: Tracking, credentials: Path, *arguments: str) -> dict[str, float]:
    """What the run has logged of its model."""
    code, log = run_to_end(train(engine, credentials, *arguments, model="by-pytorch", image="torch"))
    assert code == 0, log
    assert "Traceback" not in log
    (run,) = tracking.runs("by-pytorch", latest=1)
    logged = {each["key"]: each["value"] for each in run["data"]["metrics"]}
    return {name: logged[name] for name in ("train_loss", "train_accuracy", "holdout_accuracy")}


def test_a_machine_without_a_gpu_fails_its_check_in_one_line(engine: Engine) -> None:
    code, log = run_to_end(engine.start("torch", entrypoint=["python", "-m", "gpu_check"], command=["1"]))
    assert (code, log) == (1, "driver: the node has no NVIDIA driver; install it, such as with NVIDIA's GPU operator\n")

"""Training against a real tracking server: promotion, and what it says when it can't."""

import random
import re
import secrets
from contextlib import suppress
from pathlib import Path

import pytest
import requests
from docker.models.containers import Container

from tests.engine.images.engine import Engine, WriteSecrets, address, run_to_end
from tests.engine.images.services import Tracking, mlflow_credentials, train
from tests.waiting import eventually

KILLS = 4


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


def test_a_job_that_is_killed_again_and_again_trains_what_it_would_have_trained(
    engine: Engine, tracking: Tracking, credentials: Path, tmp_path: Path
) -> None:
    """With SIGTERM it saves where it is; with SIGKILL it repeats at most the epoch that it was in."""
    arguments = ("--epochs", str(5 * KILLS), "--seed", "5")
    whole = _trained_by_pytorch(engine, tracking, credentials, *arguments)
    tmp_path.chmod(0o777)
    chance, ended = random.Random(), 0
    for number in range(KILLS):
        signal = chance.choice(["SIGTERM", "SIGKILL"])
        job = train(engine, credentials, *arguments, model="killed", image="torch", checkpoints=tmp_path)
        epochs = _kill_after(job, chance.randint(1, 4), signal)
        code, log = run_to_end(job)
        print(f"{number}: {signal} in epochs {epochs[0]} to {epochs[-1]}")
        assert code == (137 if signal == "SIGKILL" else 1), log
        assert ("stopped by SIGTERM, saved in epoch" in log) == (signal == "SIGTERM"), log
        assert ended <= epochs[0] <= ended + 1, log
        ended = epochs[-1]
    code, log = run_to_end(train(engine, credentials, *arguments, model="killed", image="torch", checkpoints=tmp_path))
    assert code == 0, log
    assert _logged(tracking, "killed") == whole
    assert len(tracking.runs("killed", latest=5)) == 1
    assert tracking.champion("killed")["version"] == "1"


def test_two_workers_train_what_one_trains_on_the_same_batches(
    engine: Engine, tracking: Tracking, credentials: Path
) -> None:
    """Up to rounding: gradients of both halves of a batch are added, not computed at once."""
    arguments = ("--epochs", "3", "--seed", "6")
    alone = _trained_by_pytorch(engine, tracking, credentials, *arguments)
    jobs = _workers(engine, credentials, *arguments)
    for job in jobs:
        code, log = run_to_end(job)
        assert code == 0, log
    assert len(tracking.runs("together", latest=5)) == 1
    together = _logged(tracking, "together")
    print(f"alone {alone}, together {together}")
    assert together["train_loss"] == pytest.approx(alone["train_loss"], rel=0.05)
    assert together["holdout_accuracy"] == pytest.approx(alone["holdout_accuracy"], abs=0.02)


def test_workers_stop_together_with_a_checkpoint(
    engine: Engine, tracking: Tracking, credentials: Path, tmp_path: Path
) -> None:
    """One that gets SIGTERM ends; the other waits to be replaced along with it, and ends when it is told so."""
    arguments = ("--epochs", "6", "--seed", "6")
    tmp_path.chmod(0o777)
    leader, other = _workers(engine, credentials, *arguments, model="stopped", checkpoints=tmp_path)
    for line in leader.logs(stream=True, follow=True):
        if b"epoch 2 of" in line:
            other.kill("SIGTERM")
            break
    code, log = run_to_end(other)
    assert code != 0, log
    leader.reload()
    assert leader.status == "running"
    leader.kill("SIGTERM")
    assert run_to_end(leader)[0] != 0
    for job in _workers(engine, credentials, *arguments, model="stopped", checkpoints=tmp_path):
        code, log = run_to_end(job)
        assert code == 0, log
    assert len(tracking.runs("stopped", latest=5)) == 1
    alone = _trained_by_pytorch(engine, tracking, credentials, *arguments)
    assert _logged(tracking, "stopped")["holdout_accuracy"] == pytest.approx(alone["holdout_accuracy"], abs=0.02)


def _workers(
    engine: Engine,
    credentials: Path,
    *arguments: str,
    model: str = "together",
    checkpoints: Path | None = None,
) -> list[Container]:
    """Two, the first of which leads, with the environment that a JobSet gives them."""
    leader = f"leader-{secrets.token_hex(4)}"
    rendezvous = {"PET_NNODES": "2", "PET_NPROC_PER_NODE": "1", "PET_MASTER_ADDR": leader, "PET_MASTER_PORT": "29500"}
    return [
        train(
            engine,
            credentials,
            *arguments,
            model=model,
            image="torch",
            checkpoints=None if rank else checkpoints,
            alias="" if rank else leader,
            environment={**rendezvous, "PET_NODE_RANK": str(rank)},
        )
        for rank in range(2)
    ]


def _kill_after(job: Container, epochs: int, signal: str) -> list[int]:
    """The epochs that it has ended by then, and by when it is dead."""
    ended: list[int] = []
    for line in job.logs(stream=True, follow=True):
        ended += [int(number) for number in re.findall(rb"epoch (\d+) of", line) if b"samples/s" in line]
        if len(ended) == epochs and signal:
            job.kill(signal)
            signal = ""
    assert not signal, f"it ended before: {ended}"
    return ended


def _trained_by_pytorch(engine: Engine, tracking: Tracking, credentials: Path, *arguments: str) -> dict[str, float]:
    """What the run has logged of its model."""
    code, log = run_to_end(train(engine, credentials, *arguments, model="by-pytorch", image="torch"))
    assert code == 0, log
    assert "Traceback" not in log
    return _logged(tracking, "by-pytorch")


def _logged(tracking: Tracking, experiment: str) -> dict[str, float]:
    """By its latest run."""
    (run,) = tracking.runs(experiment, latest=1)
    logged = {each["key"]: each["value"] for each in run["data"]["metrics"]}
    return {name: logged[name] for name in ("train_loss", "train_accuracy", "holdout_accuracy")}


def test_a_machine_without_a_gpu_fails_its_check_in_one_line(engine: Engine) -> None:
    code, log = run_to_end(engine.start("torch", entrypoint=["python", "-m", "gpu_check"], command=["1"]))
    assert (code, log) == (1, "driver: the node has no NVIDIA driver; install it, such as with NVIDIA's GPU operator\n")

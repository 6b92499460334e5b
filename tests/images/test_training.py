"""Training against a real tracking server: promotion, and what it says when it can't."""

from pathlib import Path

import pytest

from tests.images.engine import Engine, WriteSecrets, run_to_end
from tests.images.services import Tracking, mlflow_credentials, train


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

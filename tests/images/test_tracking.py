"""The tracking server: its login, its health, its user interface."""

import requests

from tests.images.engine import USERNAME, Engine, output
from tests.images.services import Tracking


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

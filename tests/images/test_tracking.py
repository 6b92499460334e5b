"""The tracking server: its logins, its health, its user interface, and what teams see of each other."""

from collections.abc import Mapping
from typing import Any

import pytest
import requests
from rich.console import Console
from rich.table import Table

from tests.images.engine import USERNAME, Engine, WriteSecrets, output, run_to_end
from tests.images.services import MODEL, TEAMS, Tracking, mlflow_credentials, train

Login = tuple[str, str]
Attempt = tuple[str, str, dict[str, Any]]
OTHER_MODEL = "words"
API = "/api/2.0/mlflow"


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


def ask(tracking: Tracking, login: Login, method: str, path: str, **sent: Any) -> requests.Response:  # noqa: ANN401
    return requests.request(method, f"{tracking.url}{path}", auth=login, timeout=30, **sent)


@pytest.fixture(scope="module")
def models(engine: Engine, tracking: Tracking, trained: str, write_secrets: WriteSecrets) -> Mapping[str, str]:
    """Each team's own model; the second team trains one too."""
    team = TEAMS[1]
    login = write_secrets(team, {"credentials": mlflow_credentials(*tracking.teams[team])})
    code, log = run_to_end(train(engine, login, model=OTHER_MODEL))
    assert code == 0, log
    return {TEAMS[0]: MODEL, team: OTHER_MODEL}


def attempts(tracking: Tracking, name: str) -> Mapping[str, Attempt]:
    """What one may try on the run behind a model, its files and the model itself."""
    run = tracking.champion(name)["run_id"]
    found = ask(tracking, tracking.login, "GET", f"{API}/runs/get", params={"run_id": run}).json()["run"]["info"]
    experiment, files = found["experiment_id"], found["artifact_uri"].removeprefix("mlflow-artifacts:/")
    model = {"name": name}
    return {
        "read the experiment": ("GET", f"{API}/experiments/get", {"params": {"experiment_id": experiment}}),
        "read the run": ("GET", f"{API}/runs/get", {"params": {"run_id": run}}),
        "read an artifact": ("GET", "/get-artifact", {"params": {"run_uuid": run, "path": "holdout/holdout.json"}}),
        "download a file": ("GET", f"/api/2.0/mlflow-artifacts/artifacts/{files}/holdout/holdout.json", {}),
        "upload a file": ("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{files}/planted", {"data": b"x"}),
        "log a metric": (
            "POST",
            f"{API}/runs/log-metric",
            {"json": {"run_id": run, "key": "tried", "value": 1.0, "timestamp": 1}},
        ),
        "read the model": ("GET", f"{API}/registered-models/get", {"params": model}),
        "read a version": ("GET", f"{API}/model-versions/get", {"params": {**model, "version": "1"}}),
        "find its files": ("GET", f"{API}/model-versions/get-download-uri", {"params": {**model, "version": "1"}}),
        "move an alias": (
            "POST",
            f"{API}/registered-models/alias",
            {"json": {**model, "alias": "tried", "version": "1"}},
        ),
    }


def test_a_team_reaches_its_own_runs_files_and_models_and_nobody_elses(
    tracking: Tracking, models: Mapping[str, str]
) -> None:
    who = {**tracking.teams, "stranger": ("stranger", "none")}
    found = {
        (name, owner): {
            attempt: ask(tracking, login, *how[:2], **how[2]).status_code
            for attempt, how in attempts(tracking, model).items()
        }
        for name, login in who.items()
        for owner, model in models.items()
    }
    show(found)
    expected = {(name, owner): 200 if name == owner else 401 if name == "stranger" else 403 for name, owner in found}
    assert {pair: set(row.values()) for pair, row in found.items()} == {
        pair: {status} for pair, status in expected.items()
    }


def show(found: Mapping[tuple[str, str], Mapping[str, int]]) -> None:
    table = Table("who", "whose", *next(iter(found.values())))
    for (who, owner), row in found.items():
        table.add_row(who, owner, *("yes" if status == 200 else str(status) for status in row.values()))
    Console(width=220).print(table)


def test_what_a_team_may_not_see_is_in_no_search(tracking: Tracking, models: Mapping[str, str]) -> None:
    query = {"max_results": 100}
    for team, own in models.items():
        login = tracking.teams[team]
        registered = ask(tracking, login, "GET", f"{API}/registered-models/search").json()["registered_models"]
        assert [model["name"] for model in registered] == [own]
        experiments = ask(tracking, login, "POST", f"{API}/experiments/search", json=query).json()["experiments"]
        assert [each["name"] for each in experiments] == [own]

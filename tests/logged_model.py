"""A run and a registered model on a tracking server, through its REST API alone: any version of MLflow has it."""

from typing import Any

import requests

API = "api/2.0/mlflow"
MODEL = "words"
Login = tuple[str, str]


def post(url: str, login: Login, path: str, **sent: Any) -> Any:
    answer = requests.post(f"{url}/{API}/{path}", json=sent, auth=login, timeout=30)
    assert answer.ok, answer.text
    return answer.json()


def log_model(url: str, login: Login) -> None:
    """A run with a metric, and a model version of it that is the champion."""
    experiment = post(url, login, "experiments/create", name=MODEL)["experiment_id"]
    run = post(url, login, "runs/create", experiment_id=experiment, start_time=1)["run"]["info"]
    post(url, login, "runs/log-metric", run_id=run["run_id"], key="accuracy", value=0.75, timestamp=1)
    post(url, login, "registered-models/create", name=MODEL)
    source = f"{run['artifact_uri']}/model"
    post(url, login, "model-versions/create", name=MODEL, source=source, run_id=run["run_id"])
    post(url, login, "registered-models/alias", name=MODEL, alias="champion", version="1")


def get(url: str, login: Login, path: str, **query: str) -> requests.Response:
    return requests.get(f"{url}/{API}/{path}", query, auth=login, timeout=30)


def accuracy(url: str, login: Login) -> float:
    """Of the run behind the champion."""
    champion = get(url, login, "registered-models/alias", name=MODEL, alias="champion")
    assert champion.ok, champion.text
    run = get(url, login, "runs/get", run_id=champion.json()["model_version"]["run_id"])
    assert run.ok, run.text
    (metric,) = run.json()["run"]["data"]["metrics"]
    assert metric["key"] == "accuracy"
    return float(metric["value"])

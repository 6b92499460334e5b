"""A tracking server, a training job and a server of models, started the way the platform starts them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from docker.models.containers import Container

from infra.secrets.derive import derived_password
from tests.engine.images.engine import USERNAME, Engine, address, wait_for

TRACKING_URI = "http://tracking:5000"
MODEL = "digits"
TEAMS = ("vision", "speech")


@dataclass
class Tracking:
    """`login` is the administrator's; `teams` has each team's."""

    url: str
    login: tuple[str, str]
    teams: dict[str, tuple[str, str]]
    container: Container

    def artifact(self, run_id: str, path: str) -> Any:
        answer = requests.get(
            f"{self.url}/get-artifact", {"run_uuid": run_id, "path": path}, auth=self.login, timeout=20
        )
        answer.raise_for_status()
        return answer.json()

    def champion(self, model: str = MODEL) -> dict[str, Any]:
        answer = requests.get(
            f"{self.url}/api/2.0/mlflow/registered-models/alias",
            {"name": model, "alias": "champion"},
            auth=self.login,
            timeout=20,
        )
        answer.raise_for_status()
        version: dict[str, Any] = answer.json()["model_version"]
        return version

    def runs(self, experiment: str, latest: int) -> list[dict[str, Any]]:
        """The latest runs of an experiment, by name."""
        api = f"{self.url}/api/2.0/mlflow"
        found = requests.get(
            f"{api}/experiments/get-by-name", {"experiment_name": experiment}, auth=self.login, timeout=20
        )
        found.raise_for_status()
        wanted = {"experiment_ids": [found.json()["experiment"]["experiment_id"]], "max_results": latest}
        answer = requests.post(f"{api}/runs/search", json=wanted, auth=self.login, timeout=20)
        answer.raise_for_status()
        runs: list[dict[str, Any]] = answer.json()["runs"]
        return runs

    def alias(self, alias: str, *, version: str, model: str = MODEL) -> None:
        """Sets an alias of the model."""
        answer = requests.post(
            f"{self.url}/api/2.0/mlflow/registered-models/alias",
            json={"name": model, "alias": alias, "version": version},
            auth=self.login,
            timeout=20,
        )
        answer.raise_for_status()


def mounted(folder: Path, path: str) -> dict[str, dict[str, str]]:
    return {str(folder): {"bind": path, "mode": "ro"}}


def mlflow_credentials(username: str, password: str) -> str:
    return f"[mlflow]\nmlflow_tracking_username = {username}\nmlflow_tracking_password = {password}\n"


def track(engine: Engine, keys: Path, alias: str = "tracking", **environment: str) -> Tracking:
    """`keys` is the folder with the file that all passwords follow from."""
    container = engine.start(
        "tracking",
        alias,
        environment={"MLFLOW_SERVER_ALLOWED_HOSTS": f"{alias}:5000,127.0.0.1:*", **environment},
        tmpfs={"/data": "uid=65532,gid=65532,mode=0750"},
        volumes=mounted(keys, "/var/run/secrets/logins"),
        ports={"5000/tcp": ("127.0.0.1", 0), "5001/tcp": ("127.0.0.1", 0)},
    )
    url = address(container, 5000)
    wait_for(f"{url}/health", container)
    logins = {user: (user, derived_password(engine.password, user)) for user in (USERNAME, *TEAMS)}
    return Tracking(url, logins.pop(USERNAME), logins, container)


def train(
    engine: Engine,
    credentials: Path,
    *arguments: str,
    uri: str = TRACKING_URI,
    model: str = MODEL,
    metrics_port: int | None = None,
    image: str = "training",
    checkpoints: Path | None = None,
    alias: str = "",
    environment: Mapping[str, str] | None = None,
) -> Container:
    told = {"METRICS_PORT": str(metrics_port)} if metrics_port else {}
    saved = {str(checkpoints): {"bind": "/checkpoint", "mode": "rw"}} if checkpoints else {}
    return engine.start(
        image,
        alias,
        command=list(arguments),
        environment={
            "MLFLOW_TRACKING_URI": uri,
            "MLFLOW_EXPERIMENT_NAME": model,
            "MODEL_NAME": model,
            "OMP_NUM_THREADS": "1",  # as the platform sets it for one core
            **told,
            **({"CHECKPOINT_DIR": "/checkpoint"} if checkpoints else {}),
            **(environment or {}),
        },
        volumes={**mounted(credentials, "/home/nonroot/.mlflow"), **saved},
        ports={f"{metrics_port}/tcp": ("127.0.0.1", 0)} if metrics_port else {},
    )


def serve(
    engine: Engine,
    credentials: Path,
    uri: str = f"models:/{MODEL}@champion",
    tracking_uri: str = TRACKING_URI,
    drain_seconds: int = 2,
) -> Container:
    return engine.start(
        "serving",
        environment={
            "MLFLOW_TRACKING_URI": tracking_uri,
            "MODEL_NAME": MODEL,
            "MODEL_URI": uri,
            "DRAIN_SECONDS": str(drain_seconds),
        },
        volumes=mounted(credentials, "/home/nonroot/.mlflow"),
        ports={"8080/tcp": ("127.0.0.1", 0)},
    )

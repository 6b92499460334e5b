"""The proof that the platform works: samples that training never saw, answered by the live endpoint."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import requests

from workstation.errors import WorkstationError

BATCH = 60
"""Samples a request."""


@dataclass(frozen=True)
class Score:
    """How the endpoint did on samples that training never saw."""

    model: str
    version: str
    samples: int
    correct: int

    @property
    def accuracy(self) -> float:
        return self.correct / self.samples


@dataclass(frozen=True)
class Tracking:
    """The tracking server's address and login."""

    address: str
    username: str
    password: str

    def get(self, path: str, /, **parameters: str) -> requests.Response:
        """An authenticated GET; an error says what the server said."""
        login = (self.username, self.password)
        answer = requests.get(f"{self.address}{path}", params=parameters, auth=login, timeout=30)
        if not answer.ok:
            raise WorkstationError(f"the tracking server refused {path}", f"{answer.status_code}: {answer.text[:300]}")
        return answer


def held_out(tracking: Tracking, model: str, version: str) -> tuple[list[list[float]], list[int]]:
    """Samples and labels that the run behind this version of the model kept out of training."""
    found = tracking.get("/api/2.0/mlflow/model-versions/get", name=model, version=version).json()
    run = found["model_version"]["run_id"]
    document = tracking.get("/get-artifact", path="holdout/holdout.json", run_uuid=run).json()
    return document["inputs"], document["labels"]


@dataclass(frozen=True)
class Endpoint:
    """A live endpoint's address, and the key that it asks callers for, if any."""

    address: str
    api_key: str | None = None

    def ask(self, method: str, path: str, **sent: Any) -> dict[str, Any]:
        """An answer in JSON; an error says what the endpoint said."""
        headers = {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        answer = requests.request(method, f"{self.address}{path}", headers=headers, timeout=30, **sent)
        if not answer.ok:
            raise WorkstationError(f"the endpoint refused {path}", f"{answer.status_code}: {answer.text[:300]}")
        document: dict[str, Any] = answer.json()
        return document


def score(endpoint: Endpoint, model: str, tracking: Tracking) -> Score:
    """Ask the endpoint for each held-out sample of the version that it serves, and count."""
    metadata = endpoint.ask("GET", f"/v2/models/{model}")
    version = str(metadata["versions"][0])
    samples, labels = held_out(tracking, model, version)
    answers: list[int] = []
    for start in range(0, len(samples), BATCH):
        answers += _predict(endpoint, metadata, samples[start : start + BATCH])
    correct = sum(answer == label for answer, label in zip(answers, labels, strict=True))
    return Score(model, version, len(labels), correct)


def _predict(endpoint: Endpoint, metadata: dict[str, Any], batch: Sequence[Sequence[float]]) -> list[int]:
    tensor = metadata["inputs"][0]
    request = {
        "inputs": [
            {
                "name": tensor["name"],
                "shape": [len(batch), len(batch[0])],
                "datatype": tensor["datatype"],
                "data": [value for sample in batch for value in sample],
            }
        ]
    }
    answer = endpoint.ask("POST", f"/v2/models/{metadata['name']}/infer", json=request)
    labels = next(output for output in answer["outputs"] if output["datatype"].startswith(("INT", "UINT")))
    return [int(label) for label in labels["data"]]

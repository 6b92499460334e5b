"""Scores the live endpoints on samples that were held out of training.

A model without such samples, or whose answers can't be compared with labels, is only checked for readiness.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Self

import requests
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from common.errors import CommandError

HELD_OUT = "holdout/holdout.json"
"""The artifact of a run with its held-out samples, in the format of `HeldOut`."""

CHAMPION = "champion"
FOLLOWS_WITHIN = 30.0
"""Seconds in which an endpoint serves a new champion."""

BATCH = 60
"""Samples per request."""

_NUMBERS = ("FP", "INT", "UINT")
_INTEGERS = ("INT", "UINT")


@dataclass(frozen=True)
class Score:
    """An endpoint's result on held-out samples; without any, `unscored` is the reason."""

    model: str
    version: str
    samples: int = 0
    correct: int = 0
    unscored: str = ""
    waiting: bool = False
    """There is no version to serve yet."""
    asleep: bool = False
    """It has no pods until a request comes."""

    @property
    def accuracy(self) -> float:
        """The share of correct answers; only for a score with samples."""
        return self.correct / self.samples


def model_path(output: Mapping[str, Any]) -> str:
    """Where an endpoint describes its model, by its part of the stack's outputs."""
    return f"/{'v1' if is_llm(output) else 'v2'}/models/{output['model']}"


def is_llm(output: Mapping[str, Any]) -> bool:
    """Whether it serves a language model."""
    return bool(output.get("engine") == "llm")


class NotLoaded(CommandError):
    """The endpoint has no version of its model yet."""


class Unscorable(Exception):
    """The reason why a model has no score. Not a failure: not every model is a classifier of numeric rows."""


class HeldOut(BaseModel):
    """Samples of shape [samples, features], and the class of each."""

    model_config = ConfigDict(frozen=True, strict=True)

    inputs: Annotated[list[Annotated[list[FiniteFloat], Field(min_length=1)]], Field(min_length=1)]
    labels: list[int]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if len({len(row) for row in self.inputs}) > 1:
            raise ValueError("inputs have rows of different lengths")
        if len(self.inputs) != len(self.labels):
            raise ValueError(f"{len(self.inputs)} inputs and {len(self.labels)} labels")
        return self


@dataclass(frozen=True)
class Tracking:
    """Address and login of the tracking server."""

    address: str
    username: str
    password: str

    def find(self, path: str, /, **parameters: str) -> requests.Response | None:
        """An authenticated GET; None for 404. Errors contain the server's message."""
        login = (self.username, self.password)
        answer = _asked("the tracking server", "GET", self.address, path, params=parameters, auth=login)
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        return _accepted("the tracking server", path, answer)


@dataclass(frozen=True)
class Endpoint:
    """Address of a live endpoint, and its API key, if it requires one."""

    address: str
    api_key: str | None = None

    def ask(self, method: str, path: str, **sent: Any) -> dict[str, Any]:
        """The JSON response; errors contain the endpoint's message."""
        try:
            document: dict[str, Any] = self._answer(method, path, **sent).json()
        except requests.JSONDecodeError as error:
            raise CommandError(f"the endpoint's response to {path} is not JSON", str(error)) from None
        return document

    def require_ready(self, model: str) -> None:
        """Fail unless the endpoint reports the model as ready; the body may be anything."""
        self._answer("GET", f"/v2/models/{model}/ready")

    def _answer(self, method: str, path: str, **sent: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        return _accepted(
            "the endpoint", path, _asked("the endpoint", method, self.address, path, headers=headers, **sent)
        )


def _asked(who: str, method: str, address: str, path: str, **sent: Any) -> requests.Response:
    try:
        return requests.request(method, f"{address}{path}", timeout=30, **sent)
    except requests.RequestException as error:
        raise CommandError(f"{who} does not answer {path}", str(error)) from None


def _accepted(who: str, path: str, answer: requests.Response) -> requests.Response:
    if answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE and "Retry-After" in answer.headers:
        raise NotLoaded(f"{who} has no version of its model yet", answer.text[:300])
    if not answer.ok:
        raise CommandError(f"{who} refused {path}", f"{answer.status_code}: {answer.text[:300]}")
    return answer


def score(endpoint: Endpoint, model: str, tracking: Tracking, fixed: int | None = None) -> Score:
    """Score the served version on its held-out samples; where that is impossible, check readiness.

    `fixed` is the version that the endpoint is to serve, None for the champion.
    """
    wanted = partial(_champion, tracking, model) if fixed is None else lambda: str(fixed)
    try:
        metadata = _metadata(endpoint, model, wanted)
    except NotLoaded as error:
        if wanted() is not None:
            which = "the champion" if fixed is None else f"version {fixed}"
            raise CommandError(f"the endpoint does not serve {which} of {model}", error.why) from None
        return Score(model, "", waiting=True)
    version = _version(metadata)
    if fixed is not None and version.isdigit() and version != str(fixed):
        raise CommandError(f"the endpoint does not serve version {fixed} of {model}", f"it serves {version}")
    try:
        kept = held_out(tracking, model, version)
        answers = _predictions(endpoint, metadata, kept.inputs)
    except Unscorable as reason:
        endpoint.require_ready(model)
        return Score(model, version, unscored=str(reason))
    correct = sum(answer == label for answer, label in zip(answers, kept.labels, strict=True))
    return Score(model, version, len(kept.labels), correct)


def _metadata(endpoint: Endpoint, model: str, wanted: Callable[[], str | None]) -> dict[str, Any]:
    """What the endpoint tells of its model, once it serves the version that is wanted now."""
    deadline = time.monotonic() + FOLLOWS_WITHIN
    while True:
        try:
            metadata = endpoint.ask("GET", f"/v2/models/{model}")
            version = _version(metadata)
            if not version.isdigit() or wanted() in (None, version) or time.monotonic() > deadline:
                return metadata
        except NotLoaded:
            if wanted() is None or time.monotonic() > deadline:
                raise
        time.sleep(0.5)


def _champion(tracking: Tracking, model: str) -> str | None:
    """The version with that alias; None if no version has it."""
    found = tracking.find("/api/2.0/mlflow/registered-models/get", name=model)
    aliases = found.json()["registered_model"].get("aliases", []) if found is not None else []
    return next((str(each["version"]) for each in aliases if each["alias"] == CHAMPION), None)


def _version(metadata: Mapping[str, Any]) -> str:
    return str(next(iter(metadata.get("versions") or []), ""))


def held_out(tracking: Tracking, model: str, version: str) -> HeldOut:
    """The held-out samples of the run that produced this version of the model."""
    if not version.isdigit():
        raise Unscorable("it reports no version of the model registry")
    found = tracking.find("/api/2.0/mlflow/model-versions/get", name=model, version=version)
    if found is None:
        raise Unscorable("the model registry has no such version")
    run = found.json()["model_version"].get("run_id")
    artifact = tracking.find("/get-artifact", path=HELD_OUT, run_uuid=run) if run else None
    if artifact is None:
        raise Unscorable("its run logged no held-out samples")
    try:
        return HeldOut.model_validate_json(artifact.content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        words = [f"{HELD_OUT} of its run", place, first["msg"].removeprefix("Value error, ")]
        raise Unscorable(": ".join(filter(None, words))) from None


def _predictions(endpoint: Endpoint, metadata: Mapping[str, Any], samples: Sequence[Sequence[float]]) -> list[int]:
    """The predicted class of each sample."""
    tensor, output = _numeric_input(metadata, len(samples[0])), _class_output(metadata)
    answers: list[int] = []
    for start in range(0, len(samples), BATCH):
        batch = samples[start : start + BATCH]
        sent = {
            "name": tensor["name"],
            "shape": [len(batch), len(batch[0])],
            "datatype": tensor["datatype"],
            "data": [value for sample in batch for value in sample],
        }
        answer = endpoint.ask("POST", f"/v2/models/{metadata['name']}/infer", json={"inputs": [sent]})
        classes: list[Any] = next((found["data"] for found in answer["outputs"] if found["name"] == output), [])
        if len(classes) != len(batch):
            raise Unscorable(f"its output {output} is not one number per sample")
        answers += map(int, classes)
    return answers


def _numeric_input(metadata: Mapping[str, Any], width: int) -> Mapping[str, Any]:
    """The model's one input, which must accept rows of `width` numbers."""
    match metadata.get("inputs"):
        case [{"datatype": str(kind), "shape": [_, size]} as tensor]:
            if kind.startswith(_NUMBERS) and size in (-1, width):
                return dict(tensor)
    raise Unscorable(f"it does not accept rows of {width} numbers")


def _class_output(metadata: Mapping[str, Any]) -> str:
    """The name of the first integer output: the class."""
    for tensor in metadata.get("outputs") or []:
        if tensor["datatype"].startswith(_INTEGERS):
            return str(tensor["name"])
    raise Unscorable("none of its outputs is an integer, so none is a class")

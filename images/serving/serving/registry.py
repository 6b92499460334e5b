"""Fetches a model version from the MLflow registry."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml
from mlflow.artifacts import download_artifacts
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from serving.model import Identity, Model, UnsupportedModel

URI = re.compile(r"models:/(?P<model>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>\d+))")


class ModelUnavailable(Exception):
    """Why there is no model to serve, in one line."""


class NoVersion(Exception):
    """The registry has no such version yet."""


@dataclass(frozen=True)
class Version:
    """A version in the registry. `created` is when it was registered, in seconds since 1970."""

    model: str
    version: str
    run_id: str
    created: float


def load(name: str, uri: str, found: Version) -> Model:
    """Raises ModelUnavailable: a version that the registry has named and that can't be had is a failure."""
    with translated(uri, missing=ModelUnavailable), tempfile.TemporaryDirectory() as folder:
        source = f"models:/{found.model}/{found.version}"
        identity = Identity(name, found.version, uri, found.run_id, found.created)
        return Model(identity, onnx_file(Path(download_artifacts(artifact_uri=source, dst_path=folder))))


def resolve(client: MlflowClient, uri: str) -> Version:
    match = URI.fullmatch(uri)
    if match is None:
        raise ModelUnavailable(f"{uri}: not a model URI; write models:/NAME@ALIAS or models:/NAME/VERSION")
    with translated(uri):
        if match["alias"]:
            found = client.get_model_version_by_alias(match["model"], match["alias"])
        else:
            found = client.get_model_version(match["model"], match["version"])
    return Version(match["model"], str(found.version), found.run_id or "", found.creation_timestamp / 1000)


def is_fixed(uri: str) -> bool:
    """Whether it names a version, not an alias."""
    match = URI.fullmatch(uri)
    return match is not None and match["version"] is not None


@contextmanager
def translated(uri: str, missing: type[Exception] = NoVersion) -> Iterator[None]:
    """The network, the disk, the file's content: whatever it is, there is no model."""
    try:
        yield
    except Exception as error:
        if isinstance(error, MlflowException) and is_missing(error):
            raise missing(f"{uri}: the model registry has no such version yet that this team may read") from error
        raise ModelUnavailable(f"{uri}: {reason(error)}") from error


def is_missing(error: MlflowException) -> bool:
    """A model that is not registered, or an alias that it does not have.

    MLflow's authorization answers 403 for a model that does not exist, as for one of another team.
    """
    text = str(error)
    return (
        error.error_code == "RESOURCE_DOES_NOT_EXIST" or ("alias" in text and "not found" in text) or "code 403" in text
    )


def onnx_file(folder: Path) -> Path:
    """Where the model's own description says that the graph is."""
    flavors = yaml.safe_load((folder / "MLmodel").read_text()).get("flavors", {})
    if "onnx" not in flavors:
        raise UnsupportedModel(f"the model has no onnx flavor, only {', '.join(sorted(flavors))}")
    path: Path = folder / flavors["onnx"]["data"]
    return path / "model.onnx" if path.is_dir() else path


def reason(error: Exception) -> str:
    text = str(error)
    if "error code 401" in text:
        return "the tracking server refused the credentials; check the mounted MLflow credentials file"
    if "Max retries exceeded" in text:
        return "the tracking server can't be reached"
    return next(iter(text.splitlines()), type(error).__name__)

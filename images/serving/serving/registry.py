"""Fetches a model version from the MLflow registry."""

import re
import tempfile
from pathlib import Path

import yaml
from mlflow.artifacts import download_artifacts
from mlflow.tracking import MlflowClient

from serving.model import Identity, Model, UnsupportedModel

URI = re.compile(r"models:/(?P<model>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>\d+))")


class ModelUnavailable(Exception):
    """Why there is no model to serve, in one line."""


def load(name: str, uri: str) -> Model:
    """An alias is resolved once: a process serves one version, and says which."""
    try:
        model, version, run_id, created = resolve(MlflowClient(), uri)
        folder = Path(download_artifacts(artifact_uri=f"models:/{model}/{version}", dst_path=tempfile.mkdtemp()))
        return Model(Identity(name, version, uri, run_id, created), onnx_file(folder))
    except ModelUnavailable:
        raise
    except Exception as error:  # The network, the disk, the file's content: whatever it is, there is no model.
        raise ModelUnavailable(f"{uri}: {reason(error)}") from error


def resolve(client: MlflowClient, uri: str) -> tuple[str, str, str, float]:
    match = URI.fullmatch(uri)
    if match is None:
        raise ModelUnavailable(f"{uri}: not a model URI; write models:/NAME@ALIAS or models:/NAME/VERSION")
    if match["alias"]:
        found = client.get_model_version_by_alias(match["model"], match["alias"])
    else:
        found = client.get_model_version(match["model"], match["version"])
    return match["model"], str(found.version), found.run_id or "", found.creation_timestamp / 1000


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

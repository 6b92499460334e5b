"""Downloads the weights of a model version from the MLflow registry."""

import hashlib
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from mlflow.artifacts import download_artifacts
from mlflow.tracking import MlflowClient

URI = re.compile(r"models:/(?P<model>[^/@]+)/(?P<version>\d+)")
FOLDER = Path("/tmp/model")
"""Of all downloads of a pod: a container that is started again does not fill the volume with another copy."""
DIGEST = "sha256"
"""The tag of a model version with the digest of its file."""


class WeightsUnavailable(Exception):
    """Why there is nothing to serve, in one line."""


@dataclass(frozen=True)
class Weights:
    """A file in GGUF, and the version that it is of. `created`: when that was registered, in seconds since 1970.

    `verified`: what the file was like when its digest was taken; None: nothing but this server can change it.
    """

    file: Path
    version: str
    uri: str
    run_id: str
    created: float
    verified: tuple[int, ...] | None = None


def download(uri: str, folder: Path = FOLDER) -> Weights:
    match = URI.fullmatch(uri)
    if match is None:
        raise WeightsUnavailable(f"{uri}: not the URI of a model version; write models:/NAME/VERSION")
    try:
        found = MlflowClient().get_model_version(match["model"], match["version"])
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        downloaded = Path(download_artifacts(artifact_uri=uri, dst_path=str(folder)))
    except Exception as error:  # the registry, the network, the disk
        raise WeightsUnavailable(f"{uri}: {_reason(error)}") from error
    file = gguf_file(downloaded, uri)
    verify(file, found.tags.get(DIGEST), uri)
    return Weights(file, str(found.version), uri, found.run_id or "", found.creation_timestamp / 1000)


def gguf_file(folder: Path, uri: str) -> Path:
    files = sorted(folder.rglob("*.gguf"))
    if len(files) != 1:
        names = ", ".join(file.name for file in files) or "none"
        raise WeightsUnavailable(f"{uri}: needs one .gguf file among its artifacts, and has {names}")
    return files[0]


def verify(file: Path, digest: str | None, uri: str) -> None:
    if digest is None:
        return
    actual = digest_of(file)
    if actual != digest.lower():
        raise WeightsUnavailable(f"{uri}: {file.name} has the SHA-256 digest {actual}, its tag '{DIGEST}' is {digest}")


def digest_of(file: Path) -> str:
    """SHA-256, in hexadecimal digits."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _reason(error: Exception) -> str:
    text = str(error)
    if "error code 401" in text:
        return "the tracking server refused the credentials; check the mounted MLflow credentials file"
    if "Max retries exceeded" in text:
        return "the tracking server can't be reached"
    return next(iter(text.splitlines()), type(error).__name__)

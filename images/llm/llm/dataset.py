"""Weights in a dataset: a file of a volume is served in place, an object is downloaded first."""

import os
import shutil
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from llm.weights import FOLDER, Weights, WeightsUnavailable, digest_of

_FILE, _OBJECT = "file://", "s3://"
_SHORT = 12
"""Digits of the digest that are the version: two files of an endpoint do not share them."""
_CLIENT = Config(connect_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})
"""A store that does not answer fails the start within a minute."""
_REASONS = {
    "403": "the object store refused access",
    "404": "the object store has no such object",
}


def find(uri: str, digest: str, folder: Path = FOLDER) -> Weights:
    """The file with this SHA-256 digest; one with another digest is refused."""
    try:
        verified = like(Path(uri.removeprefix(_FILE))) if uri.startswith(_FILE) else None
        file, actual = _file(uri, digest.lower(), folder)
        created = file.stat().st_mtime
    except Exception as error:  # the store, the network, the disk
        raise WeightsUnavailable(f"{uri}: {_reason(error)}") from error
    if actual != digest.lower():
        raise WeightsUnavailable(f"{uri}: has the SHA-256 digest {actual}, and is to have {digest}")
    return Weights(file, actual[:_SHORT], uri, "", created, verified)


def like(file: Path) -> tuple[int, ...]:
    """It is another one if the file is replaced or written to; empty if it is gone."""
    try:
        found = file.stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def require_unchanged(weights: Weights) -> None:
    """When they are loaded: somebody may have written to the volume since their digest was taken."""
    if weights.verified not in (None, like(weights.file)):
        raise WeightsUnavailable(f"{weights.uri}: was changed while it was loaded")


def _file(uri: str, digest: str, folder: Path) -> tuple[Path, str]:
    """With the digest that it has."""
    if uri.startswith(_FILE):
        file = Path(uri.removeprefix(_FILE))
        return file, digest_of(file)
    bucket, _, key = uri.removeprefix(_OBJECT).partition("/")
    if not (uri.startswith(_OBJECT) and bucket and key):
        raise ValueError("not a file of a dataset; write file:///PATH or s3://BUCKET/KEY")
    return _downloaded(bucket, key, digest, folder)


def _downloaded(bucket: str, key: str, digest: str, folder: Path) -> tuple[Path, str]:
    """A copy that a container of the same pod has left is used again."""
    file = folder / key.rpartition("/")[2]
    if file.is_file() and digest_of(file) == digest:
        return file, digest
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    store = boto3.client("s3", config=_CLIENT)
    changed = store.head_object(Bucket=bucket, Key=key)["LastModified"].timestamp()
    store.download_file(bucket, key, str(file))
    os.utime(file, (changed, changed))
    return file, digest_of(file)


def _reason(error: Exception) -> str:
    if isinstance(error, ClientError):
        # Responses to HEAD have no body, so their code is the status.
        status = str(error.response["ResponseMetadata"]["HTTPStatusCode"])
        return _REASONS.get(status, _first_line(error))
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return _first_line(error)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)

"""How the object stores that exist already are asked."""

from typing import Any

import boto3
from botocore.config import Config

from cli.cluster_preflight.wanted import Wanted
from infra.declaration.cluster import AccessKey, ArtifactStore, DatasetStore

_BRIEF = Config(connect_timeout=5, read_timeout=20, retries={"max_attempts": 2})


def client_of(store: ArtifactStore | DatasetStore, key: AccessKey, wanted: Wanted) -> Any:
    """A client that logs in with the key and does not wait for long."""
    return boto3.client(
        "s3",
        endpoint_url=store.endpoint,
        region_name=store.region,
        aws_access_key_id=key.id,
        aws_secret_access_key=wanted.passwords[key.secret],
        config=_BRIEF,
    )

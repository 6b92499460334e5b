"""Checks that the bucket for models can be opened with the declared key."""

from collections.abc import Iterator

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from cli.cluster_preflight.wanted import CLUSTER, Wanted
from cli.finding import Finding

_PATH = f"{CLUSTER}.artifactStore"
_BRIEF = Config(connect_timeout=5, read_timeout=20, retries={"max_attempts": 2})
_NO_BUCKET = ("NoSuchBucket", "404")
_NO_KEY = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidClientTokenId")


def bucket_opens(wanted: Wanted) -> Iterator[Finding]:
    """Lists one object. The store may be reachable from pods only: then nothing is known."""
    store = wanted.settings.artifact_store
    if store is None:
        return
    key = store.access_key
    client = boto3.client(
        "s3",
        endpoint_url=store.endpoint,
        region_name=store.region,
        aws_access_key_id=key.id,
        aws_secret_access_key=wanted.passwords[key.secret],
        config=_BRIEF,
    )
    try:
        client.list_objects_v2(Bucket=store.bucket, Prefix=f"{store.prefix}/", MaxKeys=1)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _NO_BUCKET:
            yield Finding(f"{_PATH}.bucket", f"there is no bucket '{store.bucket}'", "create it, or write another")
        elif code in _NO_KEY:
            fix = f"run `pulumi config set --secret {key.secret}`, or write another id"
            yield Finding(f"{_PATH}.accessKey", f"the store refuses the key '{key.id}' ({code})", fix)
        else:
            yield Finding(f"{_PATH}.accessKey", f"'{key.id}' may not list '{store.bucket}' ({code})", "let it")
    except BotoCoreError as error:
        problem = f"could not be asked from this machine ({str(error)[:160]})"
        yield Finding(f"{_PATH}.endpoint", problem, "check it yourself", blocking=False)

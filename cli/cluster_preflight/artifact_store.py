"""Checks that the bucket for models can be opened with the declared key."""

from collections.abc import Iterator

from botocore.exceptions import BotoCoreError, ClientError

from cli.cluster_preflight.object_store import client_of
from cli.cluster_preflight.wanted import CLUSTER, Wanted
from cli.finding import Finding

_PATH = f"{CLUSTER}.artifactStore"
_NO_BUCKET = ("NoSuchBucket", "404")
_NO_KEY = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidClientTokenId")


def bucket_opens(wanted: Wanted) -> Iterator[Finding]:
    """Lists one object. The store may be reachable from pods only: then nothing is known."""
    store = wanted.settings.artifact_store
    if store is None:
        return
    key = store.access_key
    try:
        client_of(store, key, wanted).list_objects_v2(Bucket=store.bucket, Prefix=f"{store.prefix}/", MaxKeys=1)
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

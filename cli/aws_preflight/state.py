"""Checks of what exists before the stack: the bucket of its state, the key of its secrets; and of its own buckets."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

from botocore.exceptions import ClientError

from cli.aws_preflight.wanted import AWS, Client, Wanted
from cli.finding import Finding

BACKEND = "PULUMI_BACKEND_URL"
STATE_BUCKET = f"{AWS}.ci.stateBucket"
SECRETS_PROVIDER = "secretsprovider"
"""The top-level key of the stack file."""

_REFUSED = ("AccessDenied", "403")
_OLD_NAMES = {None: "us-east-1", "": "us-east-1", "EU": "eu-west-1"}


def pipeline_reads_the_state(client: Client, wanted: Wanted) -> Iterator[Finding]:
    """The deploy role reaches the declared bucket only."""
    bucket, _ = _of_url(wanted.backend)
    if bucket and wanted.aws.ci and wanted.aws.ci.state_bucket != bucket:
        declared = wanted.aws.ci.state_bucket or "no bucket"
        problem = f"{declared} is declared, but the state is in {bucket}: the pipeline could not read it"
        yield Finding(STATE_BUCKET, problem, f"write stateBucket: {bucket}")


def state_bucket_keeps_versions(client: Client, wanted: Wanted) -> Iterator[Finding]:
    """The bucket of the state exists where the URL says, and keeps what is overwritten."""
    (bucket, region), setting = _of_url(wanted.backend), BACKEND
    if not bucket and wanted.aws.ci and wanted.aws.ci.state_bucket:
        bucket, setting = wanted.aws.ci.state_bucket, STATE_BUCKET
    if not bucket:
        return
    place = _region(client, bucket)
    if place is None:
        yield Finding(setting, f"there is no bucket {bucket}", "create it as in docs/aws.md, or write another one")
        return
    if region and region != place:
        yield Finding(setting, f"{bucket} is in {place}, not in {region}", f"write ?region={place}")
    elif place != wanted.aws.region:
        problem = f"{bucket} is in {place}, and the platform in {wanted.aws.region}: it needs both regions"
        yield Finding(setting, problem, f"create a bucket in {wanted.aws.region}", blocking=False)
    if client("s3").get_bucket_versioning(Bucket=bucket).get("Status") != "Enabled":
        problem = f"{bucket} keeps no old versions: a damaged state could not be restored"
        command = f"aws s3api put-bucket-versioning --bucket {bucket} --versioning-configuration Status=Enabled"
        yield Finding(setting, problem, f"run `{command}`", blocking=False)


def secrets_key_is_usable(client: Client, wanted: Wanted) -> Iterator[Finding]:
    """The key that encrypts the secrets in the state exists and is enabled."""
    url = urlsplit(wanted.secrets_provider)
    if url.scheme != "awskms":
        return
    key = f"{url.netloc}{url.path}".lstrip("/")
    region = parse_qs(url.query).get("region", [""])[0] or (key.split(":")[3] if key.startswith("arn:") else "")
    if region and region != wanted.aws.region:
        problem = f"{key} is in {region}, and the pipeline's role uses keys of {wanted.aws.region} only"
        fix = f"run `pulumi stack change-secrets-provider 'awskms://alias/<name>?region={wanted.aws.region}'`"
        yield Finding(SECRETS_PROVIDER, problem, fix, blocking=False)
        return
    try:
        found = client("kms").describe_key(KeyId=key)["KeyMetadata"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NotFoundException":
            raise
        problem = f"there is no key {key} in {wanted.aws.region}: the secrets in the state can't be decrypted"
        yield Finding(SECRETS_PROVIDER, problem, "create it as in docs/aws.md, or write another one")
        return
    if found["KeyState"] != "Enabled":
        identifier = found["KeyId"]
        cancel = f"aws kms cancel-key-deletion --key-id {identifier} && "
        command = f"{cancel if found['KeyState'] == 'PendingDeletion' else ''}aws kms enable-key --key-id {identifier}"
        yield Finding(SECRETS_PROVIDER, f"the key {key} is {found['KeyState']}", f"run `{command}`")


def bucket_names_are_free(client: Client, wanted: Wanted) -> Iterator[Finding]:
    """A bucket's name is taken in all regions, perhaps by another account."""
    for bucket, region in wanted.buckets.items():
        try:
            place = _region(client, bucket)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _REFUSED:
                raise
            problem = f"the name {bucket} is taken, and the caller may not read the bucket: is it another account's?"
            fix = f"look for it with `aws s3api list-buckets --prefix {bucket}`; if it is not there, rename the stack"
            yield Finding(f"{AWS}.account", problem, fix, blocking=False)
            continue
        if place not in (None, region):
            setting = "region" if region == wanted.aws.region else "backup.region"
            fix = f"empty and delete the bucket, or write region: {place}"
            yield Finding(f"{AWS}.{setting}", f"there is a bucket {bucket} in {place} already", fix)


def _of_url(backend: str) -> tuple[str, str]:
    """Bucket and region of a backend's URL, such as `s3://bucket/folder?region=eu-central-1`."""
    url = urlsplit(backend)
    return (url.netloc, parse_qs(url.query).get("region", [""])[0]) if url.scheme == "s3" else ("", "")


def _region(client: Client, bucket: str) -> str | None:
    """The region of a bucket; None: there is no bucket of this name."""
    try:
        place: str | None = client("s3").get_bucket_location(Bucket=bucket).get("LocationConstraint")
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchBucket":
            raise
        return None
    return _OLD_NAMES.get(place) or place

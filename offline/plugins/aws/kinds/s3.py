"""Buckets, and the settings that are resources of their own beside them."""

from __future__ import annotations

from collections.abc import Callable

from offline.plugins.aws.kind import Change, Kind, Lookup, Name, Step, Text
from offline.plugins.aws.tagging import S3
from offline.plugins.marshal import Bag

_OF_BUCKET = {"Bucket": "{bucket}"}


def _location(change: Change) -> list[Bag]:
    """A bucket's region is part of the request, except where S3 began."""
    region = change.new.get("region")
    return [{} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}]


def _objects(change: Change) -> list[Bag]:
    """Everything in the bucket, versions included, if it may be emptied."""
    if not change.old.get("forceDestroy"):
        return []
    entries = [*change.live.get("Versions", []), *change.live.get("DeleteMarkers", [])]
    named = [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in entries]
    return [{"Bucket": change.id, "Delete": {"Objects": named, "Quiet": True}}] if named else []


BUCKET = Kind(
    "aws:s3/bucket:Bucket",
    "s3",
    Step("CreateBucket", build=_location),
    "{bucket}",
    Lookup("ListObjectVersions", {"Bucket": "{id}"}),
    delete=(
        Step("DeleteObjects", build=_objects),
        Step("DeleteBucket", arguments={"Bucket": "{id}"}),
    ),
    replaces=frozenset({"bucketPrefix", "objectLockEnabled"}),
    outputs={
        "arn": Text("arn:{partition}:s3:::{id}"),
        "bucketDomainName": Text("{id}.s3.{suffix}"),
        "bucketRegion": Text("{region}"),
        "bucketRegionalDomainName": Text("{id}.s3.{region}.{suffix}"),
    },
    names={"objectLockEnabled": "ObjectLockEnabledForBucket"},
    defaults={"forceDestroy": False},
    name=Name("bucket", 63, lower=True),
    local=frozenset({"forceDestroy"}),
    tagging=S3,
)


def _filtered(bag: Bag) -> Bag:
    """A rule that names no objects is about all of them; the API wants even that said."""
    return {
        **bag,
        "rules": [
            rule if rule.keys() & {"filter", "prefix"} else {**rule, "filter": {"prefix": ""}} for rule in bag["rules"]
        ],
    }


def _setting(
    token: str,
    put: Step,
    get: Lookup,
    delete: tuple[Step, ...],
    *,
    names: dict[str, str] | None = None,
    defaults: Bag | None = None,
    local: frozenset[str] = frozenset(),
    kept: dict[str, str] | None = None,
    reshape: Callable[[Bag], Bag] | None = None,
) -> Kind:
    """Written whole by one operation, whether it is new or changed."""
    return Kind(
        token,
        "s3",
        Step(put.operation, arguments=put.arguments),
        "{bucket}",
        get,
        updates=(put,),
        delete=delete,
        replaces=frozenset({"bucket", "expectedBucketOwner"}),
        names=names or {},
        defaults=defaults or {},
        local=local,
        kept=kept,
        reshape=reshape,
    )


VERSIONING = _setting(
    "aws:s3/bucketVersioning:BucketVersioning",
    Step("PutBucketVersioning", ("bucket", "versioningConfiguration", "mfa", "expectedBucketOwner")),
    Lookup("GetBucketVersioning", _OF_BUCKET, "{VersioningConfiguration: @}"),
    (Step("PutBucketVersioning", arguments={**_OF_BUCKET, "VersioningConfiguration": {"Status": "Suspended"}}),),
    names={"mfa": "MFA", "mfaDelete": "MFADelete"},
)

_ENCRYPTION = "ServerSideEncryptionConfiguration"
ENCRYPTION = _setting(
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    Step("PutBucketEncryption", ("bucket", "rules", "expectedBucketOwner")),
    Lookup("GetBucketEncryption", _OF_BUCKET),
    (Step("DeleteBucketEncryption", arguments=_OF_BUCKET),),
    names={
        "rules": f"{_ENCRYPTION}.Rules",
        "sseAlgorithm": "SSEAlgorithm",
        "kmsMasterKeyId": "KMSMasterKeyID",
    },
)

_BLOCK = "PublicAccessBlockConfiguration"
_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
PUBLIC_ACCESS = _setting(
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    Step("PutPublicAccessBlock", ("bucket", *_BLOCKS)),
    Lookup("GetPublicAccessBlock", _OF_BUCKET),
    (Step("DeletePublicAccessBlock", arguments=_OF_BUCKET),),
    names={name: f"{_BLOCK}.{name[0].upper()}{name[1:]}" for name in _BLOCKS},
    defaults=dict.fromkeys(_BLOCKS, False),
    local=frozenset({"skipDestroy"}),
)

LIFECYCLE = _setting(
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
    Step(
        "PutBucketLifecycleConfiguration",
        ("bucket", "rules", "expectedBucketOwner", "transitionDefaultMinimumObjectSize"),
    ),
    Lookup("GetBucketLifecycleConfiguration", _OF_BUCKET),
    (Step("DeleteBucketLifecycle", arguments=_OF_BUCKET),),
    names={"rules": "LifecycleConfiguration.Rules", "id": "ID"},
    local=frozenset({"timeouts"}),
    reshape=_filtered,
)

_LOGGING = "BucketLoggingStatus.LoggingEnabled"
LOGGING = _setting(
    "aws:s3/bucketLogging:BucketLogging",
    Step(
        "PutBucketLogging",
        ("bucket", "targetBucket", "targetPrefix", "targetGrants", "targetObjectKeyFormat", "expectedBucketOwner"),
    ),
    Lookup("GetBucketLogging", _OF_BUCKET, "{BucketLoggingStatus: @}"),
    (Step("PutBucketLogging", arguments={**_OF_BUCKET, "BucketLoggingStatus": {}}),),
    names={
        name: f"{_LOGGING}.{name[0].upper()}{name[1:]}"
        for name in ("targetBucket", "targetPrefix", "targetGrants", "targetObjectKeyFormat")
    },
    kept={},  # moto fails where any statement of the target's policy speaks of everybody
)

POLICY = _setting(
    "aws:s3/bucketPolicy:BucketPolicy",
    Step("PutBucketPolicy", ("bucket", "policy")),
    Lookup("GetBucketPolicy", _OF_BUCKET),
    (Step("DeleteBucketPolicy", arguments=_OF_BUCKET),),
)

OWNERSHIP = _setting(
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
    Step("PutBucketOwnershipControls", ("bucket", "rule")),
    Lookup("GetBucketOwnershipControls", _OF_BUCKET),
    (Step("DeleteBucketOwnershipControls", arguments=_OF_BUCKET),),
    names={"rule": "OwnershipControls.Rules"},
)

KINDS = (BUCKET, VERSIONING, ENCRYPTION, PUBLIC_ACCESS, LIFECYCLE, LOGGING, POLICY, OWNERSHIP)

"""Data at rest is encrypted with customer managed keys: revoking a key revokes access to the data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pulumi_policy import PolicyResource, ResourceValidationArgs

from policies.rule import ResourceRule, StackRule, differs, known, known_items, missing

_REASON = "{} are encrypted with the account's own keys."
_DATABASES = {"aws:rds/instance:Instance", "aws:rds/cluster:Cluster"}
BUCKETS = {"aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2"}
_ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
_KEY_OF_RULE = ("applyServerSideEncryptionByDefault", "kmsMasterKeyId")
_NODE_CLASS = "kubernetes:eks.amazonaws.com/v1:NodeClass"
_LOGGING = "aws:s3/bucketLogging:BucketLogging"


def _databases(args: ResourceValidationArgs) -> Iterator[str]:
    if args.resource_type in _DATABASES:
        if differs(args.props, "storageEncrypted", wanted=True):
            yield "this database is not encrypted"
        elif missing(args.props, "kmsKeyId"):
            yield "this database is encrypted with an AWS managed key"


def _disks(args: ResourceValidationArgs) -> Iterator[str]:
    if args.resource_type == "aws:ebs/volume:Volume":
        yield from _disk(args.props, on=True)
    elif args.resource_type == "aws:ec2/launchTemplate:LaunchTemplate":
        for mapping in known_items(known(args.props, "blockDeviceMappings")):
            yield from _disk(mapping, "ebs", on="true")
    elif args.resource_type == "kubernetes:storage.k8s.io/v1:StorageClass":
        if "ebs" in str(known(args.props, "provisioner")):
            yield from _disk(args.props, "parameters", on="true")
    elif args.resource_type == _NODE_CLASS and missing(args.props, "spec", "ephemeralStorage", "kmsKeyID"):
        yield "nodes' disks are encrypted with an AWS managed key (ephemeralStorage.kmsKeyID)"


def _disk(value: Any, *path: str, on: object) -> Iterator[str]:
    if differs(value, *path, "encrypted", wanted=on):
        yield "a disk is not encrypted"
    elif missing(value, *path, "kmsKeyId"):
        yield "a disk is encrypted with an AWS managed key (kmsKeyId)"


def _repositories(args: ResourceValidationArgs) -> Iterator[str]:
    if args.resource_type == "aws:ecr/repository:Repository":
        settings = list(known_items(known(args.props, "encryptionConfigurations")))
        if missing(args.props, "encryptionConfigurations") or any(missing(each, "kmsKey") for each in settings):
            yield "images are encrypted with an AWS managed key (encryptionConfigurations)"


def _buckets(resources: Sequence[PolicyResource]) -> Iterator[tuple[PolicyResource, str]]:
    """All buckets except targets of S3's access logs, which S3 can't write with customer managed keys."""
    ours = {urn for each in resources if _by_own_key(each) for urn in meant(each, "bucket")}
    logs = {urn for each in resources if each.resource_type == _LOGGING for urn in meant(each, "targetBucket")}
    for each in resources:
        if each.resource_type in BUCKETS and each.urn not in ours | logs:
            yield each, "this bucket is encrypted with an AWS managed key"


def _by_own_key(resource: PolicyResource) -> bool:
    if resource.resource_type != _ENCRYPTION or missing(resource.props, "rules"):
        return False
    return not any(missing(rule, *_KEY_OF_RULE) for rule in known_items(known(resource.props, "rules")))


def meant(resource: PolicyResource, field: str) -> list[str]:
    """The URNs of the resources that a field depends on."""
    return [each.urn for each in resource.property_dependencies.get(field, [])]


_KEY = "arn:aws:kms:eu-central-1:123456789012:key/own"


def _database(encrypted: bool) -> str:
    key = f'kms_key_id="{_KEY}"' if encrypted else "kms_key_id=None"
    return f"""
aws.rds.Instance(
    name,
    instance_class="db.t4g.medium",
    storage_encrypted=True,
    {key},
    deletion_protection=True,
    skip_final_snapshot=True,
    opts=kept,
)
"""


def _volumes(parameters: str) -> str:
    return f"""
kubernetes.storage.v1.StorageClass(
    name,
    metadata={{"name": name}},
    provisioner="ebs.csi.eks.amazonaws.com",
    parameters={{"type": "gp3", "encrypted": "true"{parameters}}},
)
"""


def _repository(settings: str) -> str:
    return f"""
aws.ecr.Repository(name, encryption_configurations=[{settings}], opts=kept)
"""


RULES = (
    ResourceRule(
        name="databases-with-own-keys",
        reason=_REASON.format("Databases"),
        fix="set storageEncrypted: true and kmsKeyId",
        check=_databases,
        refuses=_database(encrypted=False),
        passes=_database(encrypted=True),
    ),
    ResourceRule(
        name="disks-with-own-keys",
        reason=_REASON.format("Disks"),
        fix="set encrypted: true and a customer managed key",
        check=_disks,
        refuses=_volumes(""),
        passes=_volumes(f', "kmsKeyId": "{_KEY}"'),
    ),
    ResourceRule(
        name="repositories-with-own-keys",
        reason=_REASON.format("Images"),
        fix="set encryptionType: KMS and kmsKey",
        check=_repositories,
        refuses=_repository('{"encryptionType": "KMS"}'),
        passes=_repository(f'{{"encryptionType": "KMS", "kmsKey": "{_KEY}"}}'),
    ),
    StackRule(
        name="buckets-with-own-keys",
        reason=_REASON.format("Buckets"),
        fix="add a BucketServerSideEncryptionConfiguration with sseAlgorithm: aws:kms and kmsMasterKeyId",
        check=_buckets,
        refuses="private(aws.s3.Bucket(name, opts=kept))",
        passes="encrypted(aws.s3.Bucket(name, opts=kept))",
    ),
)

"""The artifact store and the bucket for datasets: versioned, encrypted, private, TLS only."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import s3

from infra.catalogue.aws.names import ACCESS_LOGS, ARTIFACTS, DATASETS
from infra.catalogue.names import PROJECT
from infra.foundation.aws.context import AwsContext
from infra.foundation.aws.iam import Statement, grant
from infra.foundation.aws.private_bucket import PrivateBucket, PrivateBucketArgs


@dataclass(frozen=True)
class ArtifactStoreArgs:
    context: AwsContext
    key: pulumi.Input[str]
    log_days: int
    protect: bool
    datasets_key: pulumi.Input[str] | None = None
    """None: there is no bucket for datasets."""


class ArtifactStore(pulumi.ComponentResource):
    """The buckets, and one for their access logs."""

    uri: pulumi.Output[str]
    """The bucket's URI; depends on everything that protects the bucket."""
    versioned: pulumi.Output[str]
    """The bucket's name, once it keeps versions, as replication requires."""

    def __init__(self, name: str, args: ArtifactStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:foundation:AwsArtifactStore", name, None, opts)
        context, child = args.context, pulumi.ResourceOptions(parent=self)
        keys = {ARTIFACTS: args.key, **({DATASETS: args.datasets_key} if args.datasets_key is not None else {})}
        written = tuple(access_logs(context, purpose) for purpose in keys)
        logs = PrivateBucket(ACCESS_LOGS, PrivateBucketArgs(context, args.protect, None, written), child)
        logs.expire_objects(args.log_days)
        stores = {
            purpose: PrivateBucket(purpose, PrivateBucketArgs(context, args.protect, key), child)
            for purpose, key in keys.items()
        }
        versions = {purpose: store.keep_versions() for purpose, store in stores.items()}
        for purpose, store in stores.items():
            s3.BucketLogging(
                purpose,
                bucket=store.name,
                target_bucket=logs.name,
                target_prefix=f"{purpose}/",
                opts=pulumi.ResourceOptions(parent=self, depends_on=[logs.policy]),
            )
        self.versioned = versions[ARTIFACTS].bucket
        self.uri = pulumi.Output.concat("s3://", stores[ARTIFACTS].policy.bucket)
        self.register_outputs({"uri": self.uri})


def access_logs(context: AwsContext, purpose: str) -> Statement:
    """Allows S3's log delivery to write access logs of one of our buckets."""
    return grant(
        {"Service": "logging.s3.amazonaws.com"},
        ["s3:PutObject"],
        [f"{context.bucket_arn(ACCESS_LOGS)}/{purpose}/*"],
        {
            "StringEquals": {"aws:SourceAccount": context.account},
            "ArnLike": {"aws:SourceArn": context.bucket_arn(purpose)},
        },
    )

"""The artifact store and the bucket for datasets: versioned, encrypted, private, TLS only."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import s3

from infra.catalogue.aws.names import ACCESS_LOGS, ARTIFACTS, DATASETS
from infra.catalogue.names import PROJECT
from infra.foundation.aws.context import AwsContext
from infra.foundation.aws.iam import Statement, document, grant

_OLD_VERSIONS_DAYS = 90
_UNFINISHED_DAYS = 7


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

    def __init__(self, name: str, args: ArtifactStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:foundation:AwsArtifactStore", name, None, opts)
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        context = args.context
        logs = self._bucket(ACCESS_LOGS)
        self._encrypt(ACCESS_LOGS, logs, None)  # S3's log delivery can't use customer managed keys
        self._expire(
            ACCESS_LOGS,
            logs,
            s3.BucketLifecycleConfigurationRuleArgs(
                id="old-logs",
                status="Enabled",
                expiration=s3.BucketLifecycleConfigurationRuleExpirationArgs(days=args.log_days),
            ),
        )
        keys = {ARTIFACTS: args.key, **({DATASETS: args.datasets_key} if args.datasets_key is not None else {})}
        log_policy = self._policy(
            ACCESS_LOGS,
            logs,
            document(tls_only(context, ACCESS_LOGS), *(access_logs(context, purpose) for purpose in keys)),
        )
        stores = {purpose: self._store(purpose, key, logs, log_policy) for purpose, key in keys.items()}
        self.uri = pulumi.Output.concat("s3://", stores[ARTIFACTS].bucket)
        self.register_outputs({"uri": self.uri})

    def _store(
        self, purpose: str, key: pulumi.Input[str], logs: s3.Bucket, log_policy: pulumi.Resource
    ) -> s3.BucketPolicy:
        """A bucket whose objects are kept for some time after they have been overwritten or deleted."""
        bucket = self._bucket(purpose)
        self._encrypt(purpose, bucket, key)
        s3.BucketVersioning(
            purpose,
            bucket=bucket.bucket,
            versioning_configuration=s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            opts=self._child,
        )
        self._expire(
            purpose,
            bucket,
            s3.BucketLifecycleConfigurationRuleArgs(
                id="old-versions",
                status="Enabled",
                abort_incomplete_multipart_upload=(
                    s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                        days_after_initiation=_UNFINISHED_DAYS
                    )
                ),
                noncurrent_version_expiration=s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
                    noncurrent_days=_OLD_VERSIONS_DAYS
                ),
            ),
        )
        s3.BucketLogging(
            purpose,
            bucket=bucket.bucket,
            target_bucket=logs.bucket,
            target_prefix=f"{purpose}/",
            opts=pulumi.ResourceOptions(parent=self, depends_on=[log_policy]),
        )
        return self._policy(purpose, bucket, document(tls_only(self._args.context, purpose)))

    def _bucket(self, purpose: str) -> s3.Bucket:
        """The account owns all objects, and none is public."""
        protect = self._args.protect
        bucket = s3.Bucket(
            purpose,
            bucket=self._args.context.bucket_name(purpose),
            force_destroy=not protect,
            opts=pulumi.ResourceOptions(parent=self, protect=protect),
        )
        s3.BucketPublicAccessBlock(
            purpose,
            bucket=bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self._child,
        )
        s3.BucketOwnershipControls(
            purpose,
            bucket=bucket.bucket,
            rule=s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            opts=self._child,
        )
        return bucket

    def _encrypt(self, purpose: str, bucket: s3.Bucket, key: pulumi.Input[str] | None) -> None:
        default = s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
            sse_algorithm="aws:kms" if key is not None else "AES256", kms_master_key_id=key
        )
        s3.BucketServerSideEncryptionConfiguration(
            purpose,
            bucket=bucket.bucket,
            rules=[
                s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=default,
                    bucket_key_enabled=True if key is not None else None,
                )
            ],
            opts=self._child,
        )

    def _expire(self, purpose: str, bucket: s3.Bucket, rule: s3.BucketLifecycleConfigurationRuleArgs) -> None:
        s3.BucketLifecycleConfiguration(purpose, bucket=bucket.bucket, rules=[rule], opts=self._child)

    def _policy(self, purpose: str, bucket: s3.Bucket, text: str) -> s3.BucketPolicy:
        return s3.BucketPolicy(purpose, bucket=bucket.bucket, policy=text, opts=self._child)


def tls_only(context: AwsContext, purpose: str) -> Statement:
    """Denies requests without TLS, for every principal."""
    bucket = context.bucket_arn(purpose)
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [bucket, f"{bucket}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


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

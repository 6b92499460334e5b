"""An S3 bucket that is private and reached over TLS only, and what else a bucket may need."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import s3

from infra.foundation.aws.context import AwsContext
from infra.foundation.aws.iam import Statement, document

_OLD_VERSIONS_DAYS = 90
_UNFINISHED_DAYS = 7
_WHOLE_BUCKET = s3.BucketLifecycleConfigurationRuleFilterArgs(prefix="")


@dataclass(frozen=True)
class PrivateBucketArgs:
    context: AwsContext
    protect: bool
    key: pulumi.Input[str] | None
    """None: S3's own key, for log delivery, which can't use customer managed ones."""
    access: tuple[Statement, ...] = ()
    """More statements of its policy."""


class PrivateBucket:
    """The account owns all objects, and none is public. All parts are children of `opts.parent`."""

    def __init__(self, purpose: str, args: PrivateBucketArgs, opts: pulumi.ResourceOptions) -> None:
        self._purpose, self._opts = purpose, opts
        self._bucket = s3.Bucket(
            purpose,
            bucket=args.context.bucket_name(purpose),
            force_destroy=not args.protect,
            opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(protect=args.protect)),
        )
        self.name: pulumi.Output[str] = self._bucket.bucket
        s3.BucketPublicAccessBlock(
            purpose,
            bucket=self.name,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=opts,
        )
        s3.BucketOwnershipControls(
            purpose,
            bucket=self.name,
            rule=s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            opts=opts,
        )
        self._encrypt(args.key)
        text = document(tls_only(args.context, purpose), *args.access)
        self.policy = s3.BucketPolicy(purpose, bucket=self.name, policy=text, opts=opts)

    def _encrypt(self, key: pulumi.Input[str] | None) -> None:
        default = s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
            sse_algorithm="aws:kms" if key is not None else "AES256", kms_master_key_id=key
        )
        s3.BucketServerSideEncryptionConfiguration(
            self._purpose,
            bucket=self.name,
            rules=[
                s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=default,
                    bucket_key_enabled=True if key is not None else None,
                )
            ],
            opts=self._opts,
        )

    def keep_versions(self) -> s3.BucketVersioning:
        """Old and deleted versions can be restored for a while."""
        self._expire(
            s3.BucketLifecycleConfigurationRuleArgs(
                id="old-versions",
                status="Enabled",
                filter=_WHOLE_BUCKET,
                abort_incomplete_multipart_upload=(
                    s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                        days_after_initiation=_UNFINISHED_DAYS
                    )
                ),
                # Of a deleted object a marker remains, also when its last version is gone.
                expiration=s3.BucketLifecycleConfigurationRuleExpirationArgs(expired_object_delete_marker=True),
                noncurrent_version_expiration=s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
                    noncurrent_days=_OLD_VERSIONS_DAYS
                ),
            )
        )
        return s3.BucketVersioning(
            self._purpose,
            bucket=self.name,
            versioning_configuration=s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            opts=self._opts,
        )

    def expire_objects(self, days: int) -> None:
        """Objects are deleted at that age."""
        self._expire(
            s3.BucketLifecycleConfigurationRuleArgs(
                id="old-logs",
                status="Enabled",
                filter=_WHOLE_BUCKET,
                expiration=s3.BucketLifecycleConfigurationRuleExpirationArgs(days=days),
            )
        )

    def _expire(self, rule: s3.BucketLifecycleConfigurationRuleArgs) -> None:
        s3.BucketLifecycleConfiguration(self._purpose, bucket=self.name, rules=[rule], opts=self._opts)


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

"""Copies in a second region: of the database's automated backups, and of the artifact store.

Both are copied within minutes, which a schedule of AWS Backup is not, and without a second owner of the database's
backup settings.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
from pulumi_aws import rds, s3

from infra.catalogue.aws.names import ARTIFACTS, REPLICA
from infra.catalogue.names import PROJECT
from infra.foundation.aws.context import AwsContext
from infra.foundation.aws.iam import Statement, allow, bare_service_trust, document, use_key
from infra.foundation.aws.keys import BACKUP, create_key
from infra.foundation.aws.private_bucket import PrivateBucket, PrivateBucketArgs
from infra.foundation.aws.roles import ServiceRole, ServiceRoleArgs

S3 = "s3.amazonaws.com"
"""Assumes the role that replicates objects."""
_REPLICA_KEY_USES = ["kms:Encrypt", "kms:GenerateDataKey"]


@dataclass(frozen=True)
class BackupArgs:
    context: AwsContext
    there: AwsContext
    """The second region, and a provider for it."""
    provider: aws.Provider
    artifacts: pulumi.Input[str]
    """The name of the artifact store's bucket."""
    database: str
    """The name of the database's instance, and its ARN."""
    database_arn: pulumi.Input[str]
    days: int
    protect: bool
    deployer: str | None = None
    """The ARN of the pipeline's deploy role, if there is one."""


class Backup(pulumi.ComponentResource):
    """Objects that are deleted later are deleted in the copy too; each bucket keeps its old versions by itself."""

    def __init__(self, name: str, args: BackupArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:foundation:AwsBackup", name, None, opts)
        there = pulumi.ResourceOptions(parent=self, provider=args.provider)
        key = create_key(
            BACKUP, "backups and artifacts of another region", args.there, args.protect, there, args.deployer
        )
        rds.InstanceAutomatedBackupsReplication(
            args.database,
            source_db_instance_arn=args.database_arn,
            kms_key_id=key,
            retention_period=args.days,
            opts=there,
        )
        replica = PrivateBucket(REPLICA, PrivateBucketArgs(args.there, args.protect, key), there)
        self._replicate(args, replica.keep_versions(), key)
        self.register_outputs({})

    def _replicate(self, args: BackupArgs, replica: s3.BucketVersioning, key: pulumi.Input[str]) -> None:
        context = args.context
        role = ServiceRole(
            "replication",
            ServiceRoleArgs(
                context,
                bare_service_trust(S3),
                own={"objects": document(*replication_statements(context, args.there))},
            ),
            pulumi.ResourceOptions(parent=self),
        )
        enabled = "Enabled"
        s3.BucketReplicationConfig(
            ARTIFACTS,
            bucket=args.artifacts,
            role=role.arn,
            rules=[
                s3.BucketReplicationConfigRuleArgs(
                    id="all",
                    status=enabled,
                    priority=1,
                    filter=s3.BucketReplicationConfigRuleFilterArgs(prefix=""),
                    delete_marker_replication=s3.BucketReplicationConfigRuleDeleteMarkerReplicationArgs(status=enabled),
                    source_selection_criteria=s3.BucketReplicationConfigRuleSourceSelectionCriteriaArgs(
                        sse_kms_encrypted_objects=(
                            s3.BucketReplicationConfigRuleSourceSelectionCriteriaSseKmsEncryptedObjectsArgs(
                                status=enabled
                            )
                        )
                    ),
                    destination=s3.BucketReplicationConfigRuleDestinationArgs(
                        bucket=args.there.bucket_arn(REPLICA),
                        encryption_configuration=(
                            s3.BucketReplicationConfigRuleDestinationEncryptionConfigurationArgs(replica_kms_key_id=key)
                        ),
                    ),
                )
            ],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[role, replica]),
        )


def replication_statements(context: AwsContext, there: AwsContext) -> list[Statement]:
    """Reading versions of the artifact store, and writing their copies.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html
    """
    source, replica = context.bucket_arn(ARTIFACTS), there.bucket_arn(REPLICA)
    reads = [f"s3:GetObjectVersion{what}" for what in ("Acl", "ForReplication", "Tagging")]
    return [
        allow(["s3:GetReplicationConfiguration", "s3:ListBucket"], [source]),
        allow(reads, [f"{source}/*"]),
        allow([f"s3:Replicate{what}" for what in ("Delete", "Object", "Tags")], [f"{replica}/*"]),
        use_key(context, ARTIFACTS, "s3", ["kms:Decrypt"]),
        use_key(there, BACKUP, "s3", _REPLICA_KEY_USES),
    ]


def boundary_statements(there: AwsContext) -> list[Statement]:
    """The maximum for the role that replicates objects: the second region's key and bucket."""
    return [
        use_key(there, BACKUP, "s3", _REPLICA_KEY_USES),
        allow(["s3:Replicate*"], [f"{there.bucket_arn(REPLICA)}/*"]),
    ]


def deploy_statements(context: AwsContext, there: AwsContext) -> list[Statement]:
    """Replicating the database's backups and letting S3 assume its role."""
    replication = [f"rds:{verb}DBInstanceAutomatedBackupsReplication" for verb in ("Start", "Stop")]
    databases = [context.arn("rds", f"db:{context.name}-*"), there.arn("rds", "auto-backup:*")]
    return [
        allow([*replication, "rds:CrossRegionCommunication"], databases),
        allow(
            ["iam:PassRole"],
            [context.iam_arn(f"role/{context.role_name('replication')}")],
            {"StringEquals": {"iam:PassedToService": S3}},
        ),
    ]

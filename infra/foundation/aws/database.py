"""The tracking server's PostgreSQL in RDS: encrypted, backed up, with a password managed by RDS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_random as random
from pulumi_aws import cloudwatch, ec2, rds

from infra.catalogue.aws.certificates import PATH_IN_IMAGE, REGIONS
from infra.catalogue.names import PROJECT
from infra.declaration.aws.recovery import LATEST, RestoreFrom
from infra.declaration.aws.settings import Database as Settings
from infra.foundation.aws.context import AwsContext
from infra.foundation.aws.database_alarms import AlarmsArgs, database_alarms
from infra.foundation.contract import Snapshot

_PORT = 5432
_NAME = "mlflow"
_USER = "mlflow"
_LOGS = ("postgresql", "upgrade")
_SNAPSHOT_TIMEOUT = "2h"
_MADE_WITH = ["dbName", "kmsKeyId"]
"""RDS takes both from the source of a restore, and can change neither later."""
_MADE_FROM = ["restoreToPointInTime", "snapshotIdentifier"]


@dataclass(frozen=True)
class DatabaseArgs:
    settings: Settings
    context: AwsContext
    vpc: pulumi.Input[str]
    subnets: Sequence[pulumi.Input[str]]
    clients: pulumi.Input[str]
    """The security group that may connect."""
    key: pulumi.Input[str]
    log_key: pulumi.Input[str]
    log_days: int
    protect: bool
    window: str
    """The weekly maintenance window."""
    alarms: str | None = None
    """The ARN of the topic that is notified of alarms."""


class Database(pulumi.ComponentResource):
    """RDS keeps the password in Secrets Manager and rotates it weekly; the tracking server's role may read it."""

    address: pulumi.Output[str]
    login: pulumi.Output[str]
    """The secret's ARN."""
    arn: pulumi.Output[str]

    def __init__(self, name: str, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:foundation:AwsDatabase", name, None, opts)
        self._database, self._keeps_snapshots = name, args.protect
        child = pulumi.ResourceOptions(parent=self)
        settings, full_name = args.settings, f"{args.context.name}-{name}"
        subnets = rds.SubnetGroup(name, name=full_name, subnet_ids=list(args.subnets), opts=child)
        parameters = rds.ParameterGroup(
            name,
            name=full_name,
            family=f"postgres{settings.version}",
            parameters=[rds.ParameterGroupParameterArgs(name="rds.force_ssl", value="1")],
            opts=child,
        )
        group = ec2.SecurityGroup(
            name,
            name=full_name,
            description="PostgreSQL from the cluster",
            vpc_id=args.vpc,
            ingress=[
                ec2.SecurityGroupIngressArgs(
                    protocol="tcp", from_port=_PORT, to_port=_PORT, security_groups=[args.clients]
                )
            ],
            opts=child,
        )
        self._args, self._subnets, self._parameters, self._group = args, subnets, parameters, group
        for former in settings.retained:
            self._instance(former, None)
        instance = self._instance(settings.name, settings.restore_from)
        if args.alarms is not None:
            database_alarms(instance, AlarmsArgs(args.context, settings, args.alarms), child)
        self.arn = instance.arn
        self._current = instance
        self.address = pulumi.Output.format(
            "postgresql+psycopg2://{}:{}/{}?{}", instance.address, _PORT, _NAME, _tls(args.context.region)
        )
        self.login = instance.master_user_secrets[0].secret_arn
        self.register_outputs({"address": self.address})

    def _instance(self, name: str, source: RestoreFrom | None) -> rds.Instance:
        """An empty instance, or one made from `source`.

        A source that is added or changed later would replace the instance, which its protection refuses. Once it is
        no longer declared, it is not compared any more.
        """
        args, settings, full_name = self._args, self._args.settings, f"{self._args.context.name}-{name}"
        # Created before the database: RDS would create them without a key and without expiry.
        logs = [
            cloudwatch.LogGroup(
                f"{name}-{kind}",
                name=f"/aws/rds/instance/{full_name}/{kind}",
                retention_in_days=args.log_days,
                kms_key_id=args.log_key,
                opts=pulumi.ResourceOptions(parent=self),
            )
            for kind in _LOGS
        ]
        return rds.Instance(
            name,
            identifier=full_name,
            engine="postgres",
            engine_version=settings.version,
            instance_class=settings.instance_class,
            allocated_storage=settings.storage,
            max_allocated_storage=settings.storage * 4,
            storage_type="gp3",
            storage_encrypted=True,
            kms_key_id=args.key,
            db_name=_NAME if source is None else None,
            username=_USER,
            snapshot_identifier=source.snapshot if source is not None else None,
            restore_to_point_in_time=_point_in_time(args.context, source) if source is not None else None,
            manage_master_user_password=True,
            master_user_secret_kms_key_id=args.key,
            db_subnet_group_name=self._subnets.name,
            parameter_group_name=self._parameters.name,
            vpc_security_group_ids=[self._group.id],
            publicly_accessible=False,
            multi_az=settings.multi_zone,
            maintenance_window=args.window,
            backup_retention_period=settings.backup_days,
            copy_tags_to_snapshot=True,
            auto_minor_version_upgrade=True,
            performance_insights_enabled=True,
            performance_insights_kms_key_id=args.key,
            enabled_cloudwatch_logs_exports=list(_LOGS),
            deletion_protection=args.protect,
            skip_final_snapshot=not args.protect,
            final_snapshot_identifier=f"{full_name}-final" if args.protect else None,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=logs,
                protect=args.protect,
                ignore_changes=[*_MADE_WITH, *(_MADE_FROM if source is None else [])],
            ),
        )

    def snapshot(self, version: str) -> Snapshot:
        """Made once before the migration to a version of MLflow.

        Later ones don't delete it, because it is the way back. Its name is used once: a version may come again.
        """
        suffix = random.RandomPassword(
            f"{self._database}-snapshot",
            length=6,
            special=False,
            upper=False,
            keepers={"mlflow": version},
            opts=pulumi.ResourceOptions(parent=self),
        ).result
        taken = rds.Snapshot(
            self._database,
            db_instance_identifier=self._current.identifier,
            db_snapshot_identifier=pulumi.Output.format(
                "{}-before-mlflow-{}-{}",
                self._current.identifier,
                version.replace(".", "-"),
                pulumi.Output.unsecret(suffix),
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                retain_on_delete=self._keeps_snapshots,
                custom_timeouts=pulumi.CustomTimeouts(create=_SNAPSHOT_TIMEOUT),
            ),
        )
        return Snapshot(taken.db_snapshot_identifier, [taken])


def _tls(region: str) -> str:
    """The server's certificate is verified where its authority is known; TLS is required everywhere."""
    return f"sslmode=verify-full&sslrootcert={PATH_IN_IMAGE}" if region in REGIONS else "sslmode=require"


def _point_in_time(context: AwsContext, source: RestoreFrom) -> rds.InstanceRestoreToPointInTimeArgs | None:
    """None for a snapshot, which has no other times."""
    if source.point_in_time is None:
        return None
    return rds.InstanceRestoreToPointInTimeArgs(
        source_db_instance_identifier=f"{context.name}-{source.instance}" if source.instance else None,
        source_db_instance_automated_backups_arn=source.automated_backup,
        use_latest_restorable_time=True if source.point_in_time == LATEST else None,
        restore_time=None if source.point_in_time == LATEST else source.point_in_time,
    )

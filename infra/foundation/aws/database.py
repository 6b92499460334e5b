"""The tracking server's PostgreSQL in RDS: encrypted, backed up, with a password managed by RDS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_random as random
from pulumi_aws import cloudwatch, ec2, rds

from infra.catalogue.aws.certificates import PATH_IN_IMAGE, REGIONS
from infra.catalogue.names import PROJECT
from infra.declaration.aws.settings import Database as Settings
from infra.foundation.aws.context import AwsContext
from infra.foundation.contract import Snapshot

_PORT = 5432
_NAME = "mlflow"
_USER = "mlflow"
_LOGS = ("postgresql", "upgrade")
_SNAPSHOT_TIMEOUT = "2h"


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


class Database(pulumi.ComponentResource):
    """RDS keeps the password in Secrets Manager and rotates it weekly; the tracking server's role may read it."""

    address: pulumi.Output[str]
    login: pulumi.Output[str]
    """The secret's ARN."""

    def __init__(self, name: str, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:foundation:AwsDatabase", name, None, opts)
        self._name, self._protect = name, args.protect
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
        # Created before the database: RDS would create them without a key and without expiry.
        logs = [
            cloudwatch.LogGroup(
                f"{name}-{kind}",
                name=f"/aws/rds/instance/{full_name}/{kind}",
                retention_in_days=args.log_days,
                kms_key_id=args.log_key,
                opts=child,
            )
            for kind in _LOGS
        ]
        self._instance = instance = rds.Instance(
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
            db_name=_NAME,
            username=_USER,
            manage_master_user_password=True,
            master_user_secret_kms_key_id=args.key,
            db_subnet_group_name=subnets.name,
            parameter_group_name=parameters.name,
            vpc_security_group_ids=[group.id],
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
            opts=pulumi.ResourceOptions(parent=self, depends_on=logs, protect=args.protect),
        )
        self.address = pulumi.Output.format(
            "postgresql+psycopg2://{}:{}/{}?{}", instance.address, _PORT, _NAME, _tls(args.context.region)
        )
        self.login = instance.master_user_secrets[0].secret_arn
        self.register_outputs({"address": self.address})

    def snapshot(self, version: str) -> Snapshot:
        """Made once before the migration to a version of MLflow.

        Later ones don't delete it, because it is the way back. Its name is used once: a version may come again.
        """
        suffix = random.RandomPassword(
            f"{self._name}-snapshot",
            length=6,
            special=False,
            upper=False,
            keepers={"mlflow": version},
            opts=pulumi.ResourceOptions(parent=self),
        ).result
        taken = rds.Snapshot(
            self._name,
            db_instance_identifier=self._instance.identifier,
            db_snapshot_identifier=pulumi.Output.format(
                "{}-before-mlflow-{}-{}",
                self._instance.identifier,
                version.replace(".", "-"),
                pulumi.Output.unsecret(suffix),
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                retain_on_delete=self._protect,
                custom_timeouts=pulumi.CustomTimeouts(create=_SNAPSHOT_TIMEOUT),
            ),
        )
        return Snapshot(taken.db_snapshot_identifier, [taken])


def _tls(region: str) -> str:
    """The server's certificate is verified where its authority is known; TLS is required everywhere."""
    return f"sslmode=verify-full&sslrootcert={PATH_IN_IMAGE}" if region in REGIONS else "sslmode=require"

"""Workload identity: one IAM role per workload, limited to the prefixes, secrets and topics that it needs."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import eks

from infra.catalogue.aws.names import ARTIFACTS, DATASETS
from infra.catalogue.names import PROJECT
from infra.foundation.aws.context import AwsContext
from infra.foundation.aws.database import Database
from infra.foundation.aws.grafana import GrafanaWorkspace
from infra.foundation.aws.grafana_access import token_policy
from infra.foundation.aws.iam import (
    Statement,
    allow,
    document,
    only_by,
    pod_trust,
    read_prefixes,
    use_key,
    write_prefixes,
)
from infra.foundation.aws.keys import DATABASE
from infra.foundation.aws.metrics import MetricsStore, write_policy
from infra.foundation.aws.roles import ServiceRole, ServiceRoleArgs
from infra.foundation.aws.topics import publish_policy
from infra.foundation.contract import WorkloadIdentity


@dataclass(frozen=True)
class PodRoleArgs:
    identity: WorkloadIdentity
    context: AwsContext
    cluster: pulumi.Input[str]
    database: Database
    metrics: MetricsStore | None
    grafana: GrafanaWorkspace | None
    dataset_endpoint: pulumi.Output[str] | None
    """The id of the VPC endpoint for datasets; None: there are none."""


class PodRole(pulumi.ComponentResource):
    """A role associated with one service account, which alone its trust policy accepts."""

    def __init__(self, name: str, args: PodRoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:foundation:AwsPodRole", name, None, opts)
        identity, context = args.identity, args.context
        policies: dict[str, pulumi.Input[str]] = {}
        if identity.writes:
            policies["artifacts"] = document(*artifact_statements(context, identity))
        if identity.datasets:
            folders = [prefix.rstrip("/") for prefix in identity.datasets]
            statements = read_prefixes(context, DATASETS, folders)
            assert args.dataset_endpoint is not None, "datasets are declared, and there is no endpoint"
            policies["datasets"] = args.dataset_endpoint.apply(
                lambda endpoint: document(*only_by(endpoint, statements))
            )
        if identity.database:
            policies["database"] = args.database.login.apply(lambda secret: database_policy(context, secret))
        if identity.writes_metrics and args.metrics is not None:
            policies["metrics"] = args.metrics.arn.apply(write_policy)
        if identity.publishes:
            policies["topics"] = publish_policy(context, identity.publishes)
        if identity.dashboards and args.grafana is not None:
            policies["dashboards"] = args.grafana.arn.apply(token_policy)
        role = ServiceRole(
            name,
            ServiceRoleArgs(context, pod_trust(context, identity.namespace, identity.service_account), own=policies),
            pulumi.ResourceOptions(parent=self),
        )
        eks.PodIdentityAssociation(
            name,
            cluster_name=args.cluster,
            namespace=identity.namespace,
            service_account=identity.service_account,
            role_arn=role.arn,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[role]),
        )
        self.register_outputs({})


def artifact_statements(context: AwsContext, identity: WorkloadIdentity) -> list[Statement]:
    """Write access includes read access."""
    return [
        *read_prefixes(context, ARTIFACTS, identity.writes),
        *write_prefixes(context, ARTIFACTS, identity.writes),
    ]


def database_policy(context: AwsContext, secret: str) -> str:
    """Reading the secret with the database's login."""
    return document(
        allow(["secretsmanager:GetSecretValue"], [secret]),
        use_key(context, DATABASE, "secretsmanager", ["kms:Decrypt"]),
    )

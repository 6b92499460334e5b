"""Amazon Managed Grafana: dashboards with single sign-on by IAM Identity Center."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import grafana

from infra.catalogue.names import PROJECT
from infra.declaration.aws.settings import ManagedGrafana as Settings
from infra.foundation.aws.context import AwsContext
from infra.foundation.aws.grafana_access import SERVICE, query_policy
from infra.foundation.aws.iam import service_trust
from infra.foundation.aws.metrics import MetricsStore
from infra.foundation.aws.roles import ServiceRole, ServiceRoleArgs
from infra.foundation.contract import ManagedGrafana


@dataclass(frozen=True)
class GrafanaWorkspaceArgs:
    settings: Settings
    context: AwsContext
    metrics: MetricsStore


class GrafanaWorkspace(pulumi.ComponentResource):
    """Its role may query the stack's metrics store and nothing else."""

    arn: pulumi.Output[str]
    outputs: ManagedGrafana

    def __init__(self, name: str, args: GrafanaWorkspaceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:foundation:AwsGrafanaWorkspace", name, None, opts)
        settings, context = args.settings, args.context
        role = ServiceRole(
            name,
            ServiceRoleArgs(
                context,
                service_trust(context, SERVICE, context.arn("grafana", "/workspaces/*")),
                own={"metrics": args.metrics.arn.apply(query_policy)},
            ),
            pulumi.ResourceOptions(parent=self),
        )
        workspace = grafana.Workspace(
            name,
            name=context.name,
            description=f"Dashboards of stack {context.stack}",
            account_access_type="CURRENT_ACCOUNT",
            authentication_providers=["AWS_SSO"],
            permission_type="CUSTOMER_MANAGED",
            role_arn=role.arn,
            data_sources=["PROMETHEUS"],
            grafana_version=settings.version,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[role]),
        )
        groups = {"ADMIN": settings.admins, "EDITOR": settings.editors, "VIEWER": settings.viewers}
        for grafana_role, ids in groups.items():
            if ids:
                grafana.RoleAssociation(
                    f"{name}-{grafana_role.lower()}",
                    workspace_id=workspace.id,
                    role=grafana_role,
                    group_ids=list(ids),
                    opts=pulumi.ResourceOptions(parent=self),
                )
        self.arn = workspace.arn
        url = pulumi.Output.concat("https://", workspace.endpoint)
        env: dict[str, pulumi.Input[str]] = {
            "WORKSPACE": workspace.id,
            "AWS_REGION": context.region,
            "PROMETHEUS_URL": args.metrics.endpoint,
        }
        self.outputs = ManagedGrafana(url, delivery_env=env)
        self.register_outputs({"url": url})

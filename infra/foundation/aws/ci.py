"""Roles for GitHub Actions by OIDC, without stored keys: previews on pull requests, deployments after approval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import iam

from infra.catalogue.aws.names import GITHUB, GITHUB_AUDIENCE
from infra.catalogue.names import PROJECT
from infra.declaration.aws.settings import Ci as Settings
from infra.foundation.aws import grafana_access
from infra.foundation.aws.context import AwsContext
from infra.foundation.aws.deploy_policy import (
    data_statements,
    deploy_statements,
    network_statements,
    preflight_statements,
)
from infra.foundation.aws.iam import document, github_trust
from infra.foundation.aws.roles import ServiceRole, ServiceRoleArgs

LONGEST_DEPLOYMENT = 3 * 3600
"""Seconds. Credentials must outlive the workflow: the state is saved at its end."""


@dataclass(frozen=True)
class CiArgs:
    """`caches`: prefixes of the registry's mirrors; `grafana`: whether the stack has a managed Grafana; `access`: the
    roles that have access to the cluster; `backup`: the second region, if there is one.
    """

    settings: Settings
    context: AwsContext
    caches: Sequence[str] = ()
    grafana: bool = False
    access: Sequence[str] = ()
    backup: AwsContext | None = None


class Ci(pulumi.ComponentResource):
    """Two roles: anyone can open a pull request, but deployments are approved."""

    preview: pulumi.Output[str]
    deploy: pulumi.Output[str]
    """Their ARNs."""

    def __init__(self, name: str, args: CiArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:foundation:AwsCi", name, None, opts)
        context, repository = args.context, args.settings.repository
        provider = [] if args.settings.provider else [self._identity_provider(name)]
        after = pulumi.ResourceOptions(parent=self, depends_on=provider)
        pull_request = github_trust(context, f"repo:{repository}:pull_request")
        state, grafana = args.settings.state_bucket, args.grafana
        questions: dict[str, pulumi.Input[str]] = {
            "preflight": document(*preflight_statements(context, args.access, state, grafana=grafana))
        }
        asking = ServiceRoleArgs(context, pull_request, own=questions, unbounded=True)
        self.preview = ServiceRole("ci-preview", asking, after).arn
        environment = github_trust(context, f"repo:{repository}:environment:{args.settings.environment}")
        more = grafana_access.deploy_statements(context) if args.grafana else []
        bucket, key = args.settings.state_bucket, args.settings.state_key
        deploying = ServiceRoleArgs(
            context,
            environment,
            own={
                "platform": document(*deploy_statements(context, bucket, key, args.backup, grafana=args.grafana), *more)
            },
            attached={
                "network": document(*network_statements(context)),
                "data": document(*data_statements(context, args.caches, args.backup)),
            },
            unbounded=True,
            longest_session=LONGEST_DEPLOYMENT,
        )
        self.deploy = ServiceRole("ci-deploy", deploying, after).arn
        self.register_outputs({"preview": self.preview, "deploy": self.deploy})

    def _identity_provider(self, name: str) -> iam.OpenIdConnectProvider:
        return iam.OpenIdConnectProvider(
            name,
            url=f"https://{GITHUB}",
            client_id_lists=[GITHUB_AUDIENCE],
            opts=pulumi.ResourceOptions(parent=self),
        )

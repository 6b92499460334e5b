"""IAM statements for Amazon Managed Grafana: queries, delivery of dashboards, creation of a workspace."""

from __future__ import annotations

from infra.foundation.aws.context import AwsContext
from infra.foundation.aws.iam import Statement, allow, document, new_of_stack, of_stack

SERVICE = "grafana.amazonaws.com"
QUERIES = [f"aps:{action}" for action in ("GetLabels", "GetMetricMetadata", "GetSeries", "QueryMetrics")]
TOKENS = [
    f"grafana:{action}"
    for action in (
        "CreateWorkspaceServiceAccount",
        "CreateWorkspaceServiceAccountToken",
        "DeleteWorkspaceServiceAccountToken",
        "ListWorkspaceServiceAccounts",
    )
]
_SIGN_ON = [
    "organizations:DescribeOrganization",
    *(
        f"sso:{action}"
        for action in (
            "AssociateProfile",
            "CreateManagedApplicationInstance",
            "DeleteManagedApplicationInstance",
            "DescribeRegisteredRegions",
            "DisassociateProfile",
            "GetApplicationInstance",
            "GetManagedApplicationInstance",
            "GetProfile",
            "GetSharedSsoConfiguration",
            "ListApplicationInstances",
            "ListDirectoryAssociations",
            "ListProfileAssociations",
            "ListProfiles",
        )
    ),
    "sso-directory:DescribeGroup",
    "sso-directory:DescribeGroups",
]
"""Calls to IAM Identity Center that creating a workspace makes with the caller's permissions."""


def query_policy(metrics: str) -> str:
    """Querying one metrics store: neither writing nor administering it."""
    return document(allow(QUERIES, [metrics]))


def token_policy(workspace: str) -> str:
    """Creating tokens for one workspace, for the delivery of dashboards."""
    return document(allow(TOKENS, [workspace]))


def deploy_statements(context: AwsContext) -> list[Statement]:
    """Creating a workspace and assigning its users."""
    linked = context.iam_arn(f"role/aws-service-role/{SERVICE}/*")
    created = new_of_stack(context)["StringEquals"]
    return [
        allow(["grafana:CreateWorkspace"], ["*"], {"StringEquals": {**created, "aws:RequestedRegion": context.region}}),
        allow(["grafana:ListVersions", "grafana:ListWorkspaces"], ["*"]),
        allow(["grafana:*"], [context.arn("grafana", "/workspaces/*")], of_stack(context)),
        allow(_SIGN_ON, ["*"]),
        allow(["iam:CreateServiceLinkedRole"], [linked], {"StringEquals": {"iam:AWSServiceName": SERVICE}}),
        allow(
            ["iam:PassRole"],
            [context.iam_arn(f"role/{context.name}-grafana")],
            {"StringEquals": {"iam:PassedToService": SERVICE}},
        ),
    ]

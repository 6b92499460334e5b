"""What Amazon Managed Grafana may ask, who may put dashboards into it, and what it takes to make one."""

from __future__ import annotations

from infra.foundation.aws.context import AwsContext
from infra.foundation.aws.iam import Statement, allow, document

SERVICE = "grafana.amazonaws.com"
_QUERIES = [f"aps:{action}" for action in ("GetLabels", "GetMetricMetadata", "GetSeries", "QueryMetrics")]
_TOKENS = [
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
"""What a workspace asks of IAM Identity Center in the name of whoever makes it."""


def query_policy(metrics: str) -> str:
    """Reading one store of metrics: neither writing to it nor changing it."""
    return document(allow(_QUERIES, [metrics]))


def token_policy(workspace: str) -> str:
    """A token for one workspace, to put dashboards into it."""
    return document(allow(_TOKENS, [workspace]))


def boundary_statements(context: AwsContext) -> list[Statement]:
    """The most that a workspace, and whoever puts dashboards into it, may do."""
    return [
        allow(_QUERIES, [context.arn("aps", "workspace/*")]),
        allow(_TOKENS, [context.arn("grafana", "/workspaces/*")]),
    ]


def deploy_statements(context: AwsContext) -> list[Statement]:
    """What it takes to make one, and to let people in."""
    linked = context.iam_arn(f"role/aws-service-role/{SERVICE}/*")
    return [
        allow(["grafana:*"], ["*"], {"StringEquals": {"aws:RequestedRegion": context.region}}),
        allow(_SIGN_ON, ["*"]),
        allow(["iam:CreateServiceLinkedRole"], [linked], {"StringEquals": {"iam:AWSServiceName": SERVICE}}),
        allow(
            ["iam:PassRole"],
            [context.iam_arn(f"role/{context.name}-grafana")],
            {"StringEquals": {"iam:PassedToService": SERVICE}},
        ),
    ]

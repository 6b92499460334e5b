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
from infra.foundation.aws.iam import Statement, allow, cluster_parts, database_secrets, deny, document, github_trust
from infra.foundation.aws.roles import ServiceRole, ServiceRoleArgs

LONGEST_DEPLOYMENT = 3 * 3600
"""Seconds. Credentials must outlive the workflow: the state is saved at its end."""
_REGIONAL = ("aps", "ec2", "ecr", "elasticloadbalancing", "logs")
_KEY_CHANGES = [
    f"kms:{action}"
    for action in (
        "CancelKeyDeletion",
        "CreateAlias",
        "CreateGrant",
        "CreateKey",
        "Decrypt",
        "DeleteAlias",
        "DescribeKey",
        "DisableKeyRotation",
        "EnableKeyRotation",
        "Encrypt",
        "GenerateDataKey",
        "GenerateDataKeyWithoutPlaintext",
        "GetKeyPolicy",
        "GetKeyRotationStatus",
        "ListAliases",
        "ListGrants",
        "ListResourceTags",
        "PutKeyPolicy",
        "ReEncryptFrom",
        "ReEncryptTo",
        "RetireGrant",
        "RevokeGrant",
        "ScheduleKeyDeletion",
        "TagResource",
        "UntagResource",
        "UpdateAlias",
        "UpdateKeyDescription",
    )
]
_SECRET_CHANGES = [
    f"secretsmanager:{action}"
    for action in (
        "CreateSecret",
        "DeleteSecret",
        "DescribeSecret",
        "GetResourcePolicy",
        "GetSecretValue",
        "ListSecretVersionIds",
        "PutSecretValue",
        "RestoreSecret",
        "TagResource",
        "UntagResource",
        "UpdateSecret",
        "UpdateSecretVersionStage",
    )
]
_WITHOUT_A_NAME = ["eks:CreateCluster", "eks:Describe*", "eks:List*", "rds:Describe*", "rds:ListTagsForResource"]
"""Actions that can't be restricted by a name: creating a cluster, and reading."""
_ROLE_READS = [
    f"iam:{action}"
    for action in (
        "GetPolicy",
        "GetPolicyVersion",
        "GetRole",
        "GetRolePolicy",
        "ListAttachedRolePolicies",
        "ListInstanceProfilesForRole",
        "ListPolicyVersions",
        "ListRolePolicies",
    )
]
_BOUNDED_CHANGES = [
    f"iam:{action}"
    for action in (
        "AttachRolePolicy",
        "CreateRole",
        "DeleteRolePolicy",
        "DetachRolePolicy",
        "PutRolePermissionsBoundary",
        "PutRolePolicy",
    )
]
"""Changes to a role's permissions: only for roles with the boundary."""

_ROLE_CHANGES = [f"iam:{action}" for action in ("DeleteRole", "TagRole", "UntagRole", "UpdateAssumeRolePolicy")]
_BOUNDARY_CHANGES = [
    f"iam:{action}"
    for action in ("CreatePolicyVersion", "DeletePolicy", "DeletePolicyVersion", "SetDefaultPolicyVersion")
]
_PREFLIGHT_READS = [
    *(f"ec2:Describe{what}" for what in ("AvailabilityZones", "CapacityReservations", "PlacementGroups")),
    *(f"ec2:Describe{what}" for what in ("InstanceTypeOfferings", "InstanceTypes")),
    "eks:DescribeClusterVersions",
    "iam:ListOpenIDConnectProviders",
    "rds:DescribeOrderableDBInstanceOptions",
    *(f"servicequotas:Get{what}" for what in ("AWSDefaultServiceQuota", "ServiceQuota")),
]
"""Offers, quotas and reservations; nothing about running resources."""

_IDENTITY_READS = ["identitystore:DescribeGroup", "sso:ListInstances"]

_LEFTOVER_READS = [
    "tag:GetResources",
    *(f"iam:List{kind}" for kind in ("OpenIDConnectProviders", "OpenIDConnectProviderTags", "Policies", "PolicyTags")),
    *(f"iam:List{kind}" for kind in ("Roles", "RoleTags")),
]
"""For the check for leftovers after `make down`."""

_STATE_CHANGES = ["s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject"]
_PASSED_TO = ["eks.amazonaws.com", "ec2.amazonaws.com", "pods.eks.amazonaws.com", "vpc-flow-logs.amazonaws.com"]


@dataclass(frozen=True)
class CiArgs:
    """`grafana`: whether the stack has a managed Grafana. `access`: the roles that have access to the cluster."""

    settings: Settings
    context: AwsContext
    grafana: bool = False
    access: Sequence[str] = ()


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
        # It lists all roles for the check for leftovers; their names would fill up the policy.
        reads = preflight_statements(context, [context.iam_arn("role/*")], state, grafana=grafana)
        statements = [*deploy_statements(context, state), *reads, *more]
        policies: dict[str, pulumi.Input[str]] = {"platform": document(*statements)}
        bounds = ServiceRoleArgs(context, environment, own=policies, unbounded=True, longest_session=LONGEST_DEPLOYMENT)
        self.deploy = ServiceRole("ci-deploy", bounds, after).arn
        self.register_outputs({"preview": self.preview, "deploy": self.deploy})

    def _identity_provider(self, name: str) -> iam.OpenIdConnectProvider:
        return iam.OpenIdConnectProvider(
            name,
            url=f"https://{GITHUB}",
            client_id_lists=[GITHUB_AUDIENCE],
            opts=pulumi.ResourceOptions(parent=self),
        )


def preflight_statements(
    context: AwsContext, access: Sequence[str] = (), state_bucket: str | None = None, *, grafana: bool = False
) -> list[Statement]:
    """Only what the preflight reads, because the author of a pull request decides what runs with this role."""
    # Of a service-linked role that is not there, IAM knows no path.
    linked = [context.iam_arn(f"role/{name}") for name in ("aws-service-role/*", "AWSServiceRoleFor*")]
    buckets = [f"arn:{context.partition}:s3:::{name}" for name in (f"{context.name}-*", state_bucket) if name]
    return [
        allow([*_PREFLIGHT_READS, *(_IDENTITY_READS if grafana else [])], ["*"]),
        allow(["iam:GetRole"], [*linked, *access]),
        allow(["kms:DescribeKey"], [context.arn("kms", "key/*")]),
        allow(["s3:GetBucketLocation", "s3:GetBucketVersioning"], buckets),
        allow(["eks:DescribeCluster"], [context.cluster_arn]),
        allow(["iam:GetOpenIDConnectProvider", "iam:ListOpenIDConnectProviderTags"], [context.github]),
    ]


def deploy_statements(context: AwsContext, state_bucket: str | None = None) -> list[Statement]:
    """The platform's services in its region; access to data and permissions is limited to this stack's names.

    The pipeline can't extend its own permissions, nor give a role that it creates more than the boundary.
    """
    roles = [context.iam_arn(f"role/{context.name}-*")]
    state = f"arn:{context.partition}:s3:::{state_bucket}"
    databases = [f"{kind}:{context.name}-*" for kind in ("db", "pg", "snapshot", "subgrp")]
    here = {"StringEquals": {"aws:RequestedRegion": context.region}}
    return [
        allow([*(f"{service}:*" for service in _REGIONAL), *_KEY_CHANGES, *_WITHOUT_A_NAME], ["*"], here),
        allow(["eks:*"], cluster_parts(context)),
        # A database is created with AWS's default option group.
        allow(["rds:*"], [context.arn("rds", each) for each in (*databases, "og:default:*")]),
        allow(_SECRET_CHANGES, [context.arn("secretsmanager", f"secret:{context.name}/*")]),
        # RDS creates the secret with the caller's permissions; the pipeline can't read its value.
        allow(
            ["secretsmanager:CreateSecret", "secretsmanager:TagResource"],
            [context.arn("secretsmanager", "secret:rds!*")],
        ),
        database_secrets(context, ["secretsmanager:DescribeSecret", "secretsmanager:RotateSecret"]),
        allow(["s3:*"], [f"arn:{context.partition}:s3:::{context.name}-*"]),
        allow(["sns:*"], [context.arn("sns", f"{context.name}-*")]),
        allow([*_ROLE_READS, *_ROLE_CHANGES], [*roles, context.boundary]),
        allow(_BOUNDED_CHANGES, roles, {"StringEquals": {"iam:PermissionsBoundary": context.boundary}}),
        deny([*_ROLE_CHANGES, *_BOUNDED_CHANGES], [context.iam_arn(f"role/{context.name}-ci-*")]),
        deny(["iam:DeleteRolePermissionsBoundary", *_BOUNDARY_CHANGES], [*roles, context.boundary]),
        allow(_LEFTOVER_READS, ["*"]),
        *([allow(_STATE_CHANGES, [state, f"{state}/*"])] if state_bucket else []),
        allow(["iam:PassRole"], roles, {"StringEquals": {"iam:PassedToService": _PASSED_TO}}),
    ]

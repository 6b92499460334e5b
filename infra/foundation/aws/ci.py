"""What GitHub's workflows may do, without any stored key: read on pull requests, deploy after an approval."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import iam

from infra.declaration.aws.settings import Ci as Settings
from infra.foundation.aws.iam import GITHUB, GITHUB_AUDIENCE, Statement, allow, deny, document, github_trust
from infra.foundation.aws.keys import SCALING_ROLE
from infra.foundation.aws.place import Place
from infra.foundation.aws.roles import ServiceRole, ServiceRoleArgs
from infra.naming import PROJECT

_READS = ["SecurityAudit", "job-function/ViewOnlyAccess"]
"""How everything is configured, and nothing of what is in it."""

_REGIONAL = ("ec2", "ecr", "eks", "elasticloadbalancing", "kms", "logs", "rds")
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
"""What decides what a role may do: of a role within the boundary only."""

_ROLE_CHANGES = [f"iam:{action}" for action in ("DeleteRole", "TagRole", "UntagRole", "UpdateAssumeRolePolicy")]
_BOUNDARY_CHANGES = [
    f"iam:{action}"
    for action in ("CreatePolicyVersion", "DeletePolicy", "DeletePolicyVersion", "SetDefaultPolicyVersion")
]
_QUOTA_READS = [
    f"servicequotas:{action}" for action in ("GetAWSDefaultServiceQuota", "GetServiceQuota", "ListServiceQuotas")
]
"""For the pre-flight."""

_STATE_CHANGES = ["s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject"]
_PASSED_TO = ["eks.amazonaws.com", "ec2.amazonaws.com", "pods.eks.amazonaws.com", "vpc-flow-logs.amazonaws.com"]


@dataclass(frozen=True)
class CiArgs:
    settings: Settings
    place: Place


class Ci(pulumi.ComponentResource):
    """Two roles, because a pull request is written by anyone and a deploy is approved by someone."""

    deploy: pulumi.Output[str]

    def __init__(self, name: str, args: CiArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:foundation:AwsCi", name, None, opts)
        place, repository = args.place, args.settings.repository
        provider = iam.OpenIdConnectProvider(
            name,
            url=f"https://{GITHUB}",
            client_id_lists=[GITHUB_AUDIENCE],
            opts=pulumi.ResourceOptions(parent=self),
        )
        after = pulumi.ResourceOptions(parent=self, depends_on=[provider])
        pull_request = github_trust(place, f"repo:{repository}:pull_request")
        ServiceRole("ci-preview", ServiceRoleArgs(place, pull_request, _READS, unbounded=True), after)
        environment = github_trust(place, f"repo:{repository}:environment:{args.settings.environment}")
        statements = deploy_statements(place, args.settings.state_bucket)
        policies: dict[str, pulumi.Input[str]] = {"platform": document(*statements)}
        bounds = ServiceRoleArgs(place, environment, own=policies, unbounded=True)
        self.deploy = ServiceRole("ci-deploy", bounds, after).arn
        self.register_outputs({"deploy": self.deploy})


def deploy_statements(place: Place, state_bucket: str | None = None) -> list[Statement]:
    """The services that the platform consists of, in its region; buckets and roles of this stack's name only.

    What the pipeline itself may do is changed by a person: it can't give itself more, nor to a role that it makes.
    """
    roles = [place.iam_arn(f"role/{place.name}-*")]
    state = f"arn:{place.partition}:s3:::{state_bucket}"
    return [
        allow(
            [f"{service}:*" for service in _REGIONAL], ["*"], {"StringEquals": {"aws:RequestedRegion": place.region}}
        ),
        allow(
            ["secretsmanager:*"],
            [place.arn("secretsmanager", f"secret:{each}*") for each in (f"{place.name}/", "rds!")],
        ),
        allow(["s3:*"], [f"arn:{place.partition}:s3:::{place.name}-*"]),
        allow([*_ROLE_READS, *_ROLE_CHANGES], [*roles, place.boundary]),
        allow(_BOUNDED_CHANGES, roles, {"StringEquals": {"iam:PermissionsBoundary": place.boundary}}),
        deny([*_ROLE_CHANGES, *_BOUNDED_CHANGES], [place.iam_arn(f"role/{place.name}-ci-*")]),
        deny(["iam:DeleteRolePermissionsBoundary", *_BOUNDARY_CHANGES], [*roles, place.boundary]),
        allow([*_QUOTA_READS, "tag:GetResources"], ["*"]),
        *([allow(_STATE_CHANGES, [state, f"{state}/*"])] if state_bucket else []),
        allow(["iam:PassRole"], roles, {"StringEquals": {"iam:PassedToService": _PASSED_TO}}),
        allow(["iam:GetRole"], [place.iam_arn(SCALING_ROLE)]),
        allow(["iam:GetOpenIDConnectProvider"], [place.iam_arn(f"oidc-provider/{GITHUB}")]),
    ]

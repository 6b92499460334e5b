"""The permissions boundary: the maximum of every role of the stack, whatever its own policies allow.

The deploy pipeline may create only roles with this boundary, and can't change the boundary itself: it can't grant more
than the platform's services need.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import iam

from infra.catalogue.names import PROJECT
from infra.foundation.aws import grafana_access as grafana
from infra.foundation.aws.context import AwsContext
from infra.foundation.aws.iam import Statement, allow, cluster_parts, database_secrets, document

_REGIONAL = (
    "autoscaling",
    "ec2",
    "ecr",
    "eks-auth",
    "elasticloadbalancing",
    "logs",
)
_KEY_USES = [
    f"kms:{action}"
    for action in (
        "CreateGrant",
        "Decrypt",
        "DescribeKey",
        "Encrypt",
        "GenerateDataKey",
        "GenerateDataKeyWithoutPlaintext",
        "ReEncryptFrom",
        "ReEncryptTo",
    )
]
"""Uses of a key; none of them changes its policy."""
_SECRET_READS = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
_LOAD_BALANCER_READS = [
    "acm:DescribeCertificate",
    "acm:ListCertificates",
    "cognito-idp:DescribeUserPoolClient",
    "wafv2:GetWebACL",
    "wafv2:GetWebACLForResource",
]
_INSTANCE_PROFILES = [
    f"iam:{action}"
    for action in (
        "AddRoleToInstanceProfile",
        "CreateInstanceProfile",
        "DeleteInstanceProfile",
        "GetInstanceProfile",
        "ListInstanceProfiles",
        "RemoveRoleFromInstanceProfile",
        "TagInstanceProfile",
    )
]
"""Instance profiles through which EKS Auto Mode gives nodes their role."""


@dataclass(frozen=True)
class BoundaryArgs:
    context: AwsContext


class Boundary(pulumi.ComponentResource):
    """Created before the first role and deleted after the last."""

    def __init__(self, name: str, args: BoundaryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:foundation:AwsBoundary", name, None, opts)
        iam.Policy(
            name,
            name=args.context.boundary_name,
            description="The most that a role of this stack may do",
            policy=document(*boundary_statements(args.context)),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})


def boundary_statements(context: AwsContext) -> list[Statement]:
    """What EKS and nodes need for the cluster, and access to the stack's data; no IAM and no other buckets."""
    here = {"StringEquals": {"aws:RequestedRegion": context.region}}
    roles = [context.iam_arn(f"role/{context.name}-*")]
    return [
        allow([*(f"{service}:*" for service in _REGIONAL), *_LOAD_BALANCER_READS, *_KEY_USES], ["*"], here),
        allow(["eks:*"], cluster_parts(context)),
        allow(_SECRET_READS, [context.arn("secretsmanager", f"secret:{context.name}/*")]),
        database_secrets(context, _SECRET_READS),
        allow(["s3:*"], [f"arn:{context.partition}:s3:::{context.name}-*"]),
        allow(["aps:RemoteWrite"], [context.arn("aps", "workspace/*")]),
        allow(["sns:Publish"], [context.arn("sns", f"{context.name}-*")]),
        *grafana.boundary_statements(context),
        allow(_INSTANCE_PROFILES, [context.iam_arn("instance-profile/*")]),
        allow(["iam:GetRole", "iam:PassRole"], roles),
        allow(["iam:CreateServiceLinkedRole"], [context.iam_arn("role/aws-service-role/*")]),
    ]

"""The permissions boundary: the maximum of every role of the stack, whatever its own policies allow.

The deploy pipeline may create only roles with this boundary, and can't change the boundary itself: it can't grant more
than the platform's services need.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import iam

from infra.catalogue.aws.names import ACCESS_LOGS, ARTIFACTS, DATASETS
from infra.catalogue.names import PROJECT
from infra.foundation.aws import backup
from infra.foundation.aws import grafana_access as grafana
from infra.foundation.aws.context import AwsContext
from infra.foundation.aws.iam import (
    IN_CREATION,
    Statement,
    allow,
    database_secrets,
    document,
    no_other_stack,
    of_stack,
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
_READS = [
    "acm:DescribeCertificate",
    "acm:ListCertificates",
    "ec2:Describe*",
    "ec2:GetSecurityGroupsForVpc",
    "ecr:GetAuthorizationToken",
    "elasticloadbalancing:Describe*",
    "wafv2:GetWebACL",
    "wafv2:GetWebACLForResource",
]
_PULLS = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
_CREATED = (
    *("CreateFleet", "CreateLaunchTemplate", "CreateNetworkInterface", "CreateSecurityGroup", "CreateSnapshot"),
    *("CreateVolume", "RunInstances", "AuthorizeSecurityGroupIngress"),
)
"""What EKS Auto Mode creates in EC2, with its cluster's name as a tag."""
_BALANCING = [f"elasticloadbalancing:Create{kind}" for kind in ("Listener", "LoadBalancer", "Rule", "TargetGroup")]
_TAG = "eks:eks-cluster-name"


@dataclass(frozen=True)
class BoundaryArgs:
    context: AwsContext
    backup: AwsContext | None = None
    """The second region, if there is one."""


class Boundary(pulumi.ComponentResource):
    """Created before the first role and deleted after the last."""

    def __init__(self, name: str, args: BoundaryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:foundation:AwsBoundary", name, None, opts)
        iam.Policy(
            name,
            name=args.context.boundary_name,
            description="The most that a role of this stack may do",
            policy=document(*boundary_statements(args.context, args.backup)),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})


def boundary_statements(context: AwsContext, second: AwsContext | None = None) -> list[Statement]:
    """What EKS and nodes need for the cluster, and access to the stack's data; no IAM, and no keys or data of others.

    AmazonEKSClusterPolicy asks for no tags, since it is older than Auto Mode: only what has the cluster's tag remains.
    IAM accepts at most 6144 characters.
    """
    aliases = {"ForAnyValue:StringLike": {"kms:ResourceAliases": context.key_alias("*")}}
    own, buckets = context.account, [context.bucket_arn(purpose) for purpose in (ARTIFACTS, DATASETS, ACCESS_LOGS)]
    here = {"StringEquals": {"aws:RequestedRegion": context.region}}
    return [
        allow(_READS, ["*"]),
        *_cluster_machines(context),
        # Images of what EKS runs on nodes are in accounts of AWS.
        allow(_PULLS, ["*"], {"StringNotEquals": {"aws:ResourceAccount": own}, **here}),
        allow([*_PULLS, "ecr:BatchImportUpstreamImage"], [context.arn("ecr", f"repository/{context.name}/*")]),
        allow(_KEY_USES, [context.arn("kms", "key/*")], aliases),
        allow(["eks:DescribeCluster", "eks-auth:AssumeRoleForPodIdentity"], [context.cluster_arn]),
        allow(
            ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            [context.arn("logs", f"log-group:/{context.name}/*")],
        ),
        database_secrets(context, ["secretsmanager:GetSecretValue"]),
        allow(["s3:*"], [each for bucket in buckets for each in (bucket, f"{bucket}/*")]),
        allow(["aps:RemoteWrite", *grafana.QUERIES], [context.arn("aps", "workspace/*")], of_stack(context)),
        allow(grafana.TOKENS, [context.arn("grafana", "/workspaces/*")], of_stack(context)),
        allow(["sns:Publish"], [context.arn("sns", f"{context.name}-*")], no_other_stack(context)),
        *(backup.boundary_statements(second) if second else []),
        allow(["iam:AddRoleToInstanceProfile"], [context.iam_arn("instance-profile/eks*")]),
        allow(
            ["iam:PassRole"],
            [context.role_arn("node")],
            {"StringEquals": {"iam:PassedToService": f"ec2.{context.domain}"}},
        ),
        allow(
            ["iam:CreateServiceLinkedRole"],
            [context.iam_arn("role/aws-service-role/*")],
            {
                "StringEquals": {
                    "iam:AWSServiceName": [f"{each}.amazonaws.com" for each in ("elasticloadbalancing", "spot")]
                }
            },
        ),
    ]


def _cluster_machines(context: AwsContext) -> list[Statement]:
    """Machines, disks, network interfaces and load balancers of the cluster, by the tag that EKS gives them."""
    new = {"StringEquals": {f"aws:RequestTag/{_TAG}": context.name}}
    tagged = {"StringEquals": {f"aws:ResourceTag/{_TAG}": context.name}}
    group = {"StringEquals": {f"aws:ResourceTag/kubernetes.io/cluster/{context.name}": "owned"}}
    # Images are AWS's, ARNs of snapshots have no account, and reservations and subnets may be shared by another one.
    ec2 = f"arn:{context.partition}:ec2:{context.region}:*"
    in_ec2, balancers = f"{ec2}:*", context.arn("elasticloadbalancing", "*")
    creates = [f"ec2:{action}" for action in _CREATED]
    parts = ("capacity-reservation", "image", "placement-group", "security-group", "subnet")
    return [
        allow(["ec2:*", "elasticloadbalancing:*"], [in_ec2, balancers], tagged),
        allow([*creates, *_BALANCING], [in_ec2, balancers], new),
        allow(["ec2:CreateTags"], [in_ec2], IN_CREATION),
        allow(["elasticloadbalancing:AddTags"], [balancers], {"Null": {"elasticloadbalancing:CreateAction": "false"}}),
        # What exists and is used for a machine or an interface, but not changed.
        allow(
            [
                "ec2:CreateFleet",
                "ec2:CreateNetworkInterface",
                "ec2:ModifyNetworkInterfaceAttribute",
                "ec2:RunInstances",
            ],
            [f"{ec2}:{kind}/*" for kind in parts],
        ),
        allow(["ec2:CreateSecurityGroup"], [context.arn("ec2", "vpc/*")]),
        allow([f"ec2:{action}SecurityGroupIngress" for action in ("Authorize", "Revoke")], [in_ec2], group),
    ]

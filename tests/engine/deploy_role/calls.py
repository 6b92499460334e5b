"""What the AWS provider calls to create, change and delete each type of resource that a stack has.

A new type of resource needs an entry here, or in `BY_AN_ADMINISTRATOR` with the reason. For what a call needs:
https://docs.aws.amazon.com/service-authorization/latest/reference/. Calls that only read are not listed one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tests.engine.deploy_role.things import (
    ALIASES,
    BYPASS,
    LINKED,
    NEW,
    OWN,
    PASSED,
    REQUEST_TAG,
    SECOND,
    WITHIN,
    created_by,
    ec2,
)
from tests.engine.iam_evaluator import Context, Policy
from tests.engine.iam_evaluator.prod import KEY, PLACE, TOPIC, WORKSPACE, bucket_policy, key_policy, topic_policy
from tests.engine.iam_evaluator.secrets import LOGIN, OWN_DATABASE


@dataclass(frozen=True)
class Call:
    action: str
    resource: str
    context: Context = field(default_factory=dict)
    resource_policy: Policy | None = None


def calls(resource: str, actions: str, context: Context | None = None, policy: Policy | None = None) -> list[Call]:
    """`actions`: `service:Action Action Action`."""
    service, _, names = actions.partition(":")
    return [Call(f"{service}:{name}", resource, context or {}, policy) for name in names.split()]


def _created(kind: str, action: str, parents: Iterable[str] = (), deletes: str = "", changes: str = "") -> list[Call]:
    """A resource of EC2 with tags: the call is about the new resource, its tags, and what it is put into."""
    name = ec2(f"{kind}/x")
    return [
        *calls(name, f"ec2:{action}", NEW),
        *calls(name, "ec2:CreateTags", created_by(action)),
        *(call for parent in parents for call in calls(ec2(f"{parent}/x"), f"ec2:{action}", OWN)),
        *calls(name, f"ec2:{changes} {deletes} DeleteTags", OWN),
        *calls(name, "ec2:CreateTags", {**OWN, **NEW}),
    ]


def _linked(service: str) -> list[Call]:
    role = PLACE.iam_arn(f"role/aws-service-role/{service}.amazonaws.com/AWSServiceRoleForX")
    return calls(role, "iam:CreateServiceLinkedRole", {LINKED: f"{service}.amazonaws.com"})


def _passed(role: str, service: str) -> list[Call]:
    return calls(PLACE.role_arn(role), "iam:PassRole", {PASSED: f"{service}.amazonaws.com"})


def _for_service(purpose: str) -> list[Call]:
    """A service encrypts with the key, as the caller."""
    used = {ALIASES: [PLACE.key_alias(purpose)]}
    return calls(KEY, "kms:CreateGrant DescribeKey Decrypt GenerateDataKey", used, key_policy(purpose))


_ROUTES, _SUBNET, _GROUP = ec2("route-table/x"), ec2("subnet/x"), ec2("security-group/x")
_RULES = (
    "AuthorizeSecurityGroupIngress AuthorizeSecurityGroupEgress RevokeSecurityGroupIngress RevokeSecurityGroupEgress"
)
_BUCKET = PLACE.bucket_arn("artifacts")
_REPOSITORY = PLACE.arn("ecr", f"repository/{PLACE.name}/base")
_GROUPS = [
    PLACE.arn("logs", f"log-group:{name}")
    for name in (
        f"/{PLACE.name}/flow",
        f"/aws/eks/{PLACE.name}/cluster",
        f"/aws/rds/instance/{PLACE.name}-tracking/postgresql",
    )
]
_ALARM = PLACE.arn("cloudwatch", f"alarm:{PLACE.name}-tracking-storage")
_REPLICATION = "StartDBInstanceAutomatedBackupsReplication StopDBInstanceAutomatedBackupsReplication"
_CLUSTER = PLACE.cluster_arn
_DATABASE, _SUBNETS, _PARAMETERS = (
    PLACE.arn("rds", f"{kind}:{PLACE.name}-tracking") for kind in ("db", "subgrp", "pg")
)
_SECRET = PLACE.arn("secretsmanager", f"secret:{PLACE.name}/vision/token-AbCdEf")
_LOGIN = PLACE.arn("secretsmanager", f"secret:{LOGIN}")
_BOARD = PLACE.arn("grafana", "/workspaces/g-1")
_ROLE = PLACE.role_arn("vision-training-digits")


def _part(kind: str) -> str:
    return PLACE.arn("eks", f"{kind}/{PLACE.name}/x/0f0f0f0f")


_ENTRY = PLACE.arn("eks", f"access-entry/{PLACE.name}/role/{PLACE.account}/someone/0f0f0f0f")


def _bucket(*actions: str) -> list[Call]:
    return calls(_BUCKET, f"s3:{' '.join(actions)}", policy=bucket_policy())


BY_AN_ADMINISTRATOR: Mapping[str, str] = {
    "aws:iam/policy:Policy": "the boundary and the deploy role's own policies",
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": "whom the pipeline's roles trust",
}
"""The pipeline reads them only."""

CALLS: Mapping[str, list[Call]] = {
    "aws:amp/workspace:Workspace": [
        *calls("*", "aps:CreateWorkspace", NEW),
        *calls(WORKSPACE, "aps:DescribeWorkspace UpdateWorkspaceAlias DeleteWorkspace", OWN),
        *calls(WORKSPACE, "aps:TagResource", {**OWN, **NEW}),
        *_for_service("metrics"),
    ],
    "aws:cloudwatch/metricAlarm:MetricAlarm": [
        *calls(_ALARM, "cloudwatch:PutMetricAlarm TagResource", NEW),
        *calls(_ALARM, "cloudwatch:PutMetricAlarm TagResource DescribeAlarms DeleteAlarms ListTagsForResource", OWN),
    ],
    "aws:cloudwatch/logGroup:LogGroup": [
        call
        for group in _GROUPS
        for call in (
            *calls(group, "logs:CreateLogGroup", NEW),
            *calls(group, "logs:TagResource", NEW),
            *calls(group, "logs:PutRetentionPolicy AssociateKmsKey ListTagsForResource DeleteLogGroup"),
        )
    ],
    # The VPC creates it, without tags, and the first change is by an administrator.
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": calls(_GROUP, f"ec2:{_RULES}", OWN),
    "aws:ec2/eip:Eip": _created("elastic-ip", "AllocateAddress", (), "ReleaseAddress", "DisassociateAddress"),
    "aws:ec2/flowLog:FlowLog": [
        *_created("vpc-flow-log", "CreateFlowLogs", ("vpc",), "DeleteFlowLogs"),
        *_passed("flow", "vpc-flow-logs"),
    ],
    "aws:ec2/internetGateway:InternetGateway": [
        *_created("internet-gateway", "CreateInternetGateway", (), "DeleteInternetGateway"),
        *(
            call
            for end in ("internet-gateway", "vpc")
            for call in calls(ec2(f"{end}/x"), "ec2:AttachInternetGateway DetachInternetGateway", OWN)
        ),
    ],
    "aws:ec2/natGateway:NatGateway": _created(
        "natgateway", "CreateNatGateway", ("subnet", "elastic-ip"), "DeleteNatGateway"
    ),
    "aws:ec2/route:Route": calls(_ROUTES, "ec2:CreateRoute ReplaceRoute DeleteRoute", OWN),
    "aws:ec2/routeTable:RouteTable": _created("route-table", "CreateRouteTable", ("vpc",), "DeleteRouteTable"),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": [
        call
        for end in (_ROUTES, _SUBNET)
        for call in calls(end, "ec2:AssociateRouteTable ReplaceRouteTableAssociation DisassociateRouteTable", OWN)
    ],
    "aws:ec2/securityGroup:SecurityGroup": [
        *_created("security-group", "CreateSecurityGroup", ("vpc",), "DeleteSecurityGroup", _RULES),
        *calls(ec2("security-group-rule/x"), "ec2:AuthorizeSecurityGroupIngress AuthorizeSecurityGroupEgress"),
    ],
    "aws:ec2/subnet:Subnet": _created("subnet", "CreateSubnet", ("vpc",), "DeleteSubnet", "ModifySubnetAttribute"),
    "aws:ec2/vpc:Vpc": _created("vpc", "CreateVpc", (), "DeleteVpc", "ModifyVpcAttribute"),
    "aws:ec2/vpcEndpoint:VpcEndpoint": [
        *_created(
            *("vpc-endpoint", "CreateVpcEndpoint", ("vpc", "subnet", "route-table", "security-group")),
            *("DeleteVpcEndpoints", "ModifyVpcEndpoint"),
        ),
        *(
            call
            for each in ("subnet", "route-table", "security-group")
            for call in calls(ec2(f"{each}/x"), "ec2:ModifyVpcEndpoint", OWN)
        ),
        *calls(f"arn:{PLACE.partition}:route53:::hostedzone/Z1", "route53:AssociateVPCWithHostedZone"),
    ],
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": calls(
        _REPOSITORY, "ecr:PutLifecyclePolicy GetLifecyclePolicy DeleteLifecyclePolicy"
    ),
    "aws:ecr/pullThroughCacheRule:PullThroughCacheRule": [
        *calls(
            "*",
            "ecr:CreatePullThroughCacheRule DescribePullThroughCacheRules UpdatePullThroughCacheRule "
            "DeletePullThroughCacheRule",
        ),
        *_linked("pullthroughcache.ecr"),
    ],
    "aws:ecr/repository:Repository": [
        *calls(_REPOSITORY, "ecr:CreateRepository", NEW),
        *calls(
            _REPOSITORY,
            "ecr:DescribeRepositories PutImageTagMutability PutImageScanningConfiguration TagResource "
            "BatchDeleteImage DeleteRepository",
        ),
        *_for_service("registry"),
        # The builder pushes images, and pulls the base image through the mirror.
        *calls("*", "ecr:GetAuthorizationToken"),
        *calls(
            _REPOSITORY,
            "ecr:BatchCheckLayerAvailability BatchGetImage BatchImportUpstreamImage CompleteLayerUpload "
            "GetDownloadUrlForLayer InitiateLayerUpload PutImage UploadLayerPart",
        ),
    ],
    "aws:eks/accessEntry:AccessEntry": [
        *calls(_CLUSTER, "eks:CreateAccessEntry", NEW),
        *calls(_ENTRY, "eks:DescribeAccessEntry UpdateAccessEntry DeleteAccessEntry TagResource"),
    ],
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": calls(
        _ENTRY, "eks:AssociateAccessPolicy ListAssociatedAccessPolicies DisassociateAccessPolicy"
    ),
    "aws:eks/cluster:Cluster": [
        *calls("*", "eks:CreateCluster", NEW),
        *calls(
            _CLUSTER,
            "eks:DescribeCluster DescribeUpdate UpdateClusterConfig UpdateClusterVersion AssociateEncryptionConfig "
            "TagResource DeleteCluster",
        ),
        *_passed("cluster", "eks"),
        *_linked("eks"),
        *_for_service("cluster"),
    ],
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": [
        *calls(_CLUSTER, "eks:CreatePodIdentityAssociation", NEW),
        *calls(
            _part("podidentityassociation"),
            "eks:DescribePodIdentityAssociation UpdatePodIdentityAssociation DeletePodIdentityAssociation",
        ),
        *_passed("vision-training-digits", "pods.eks"),
    ],
    "aws:grafana/roleAssociation:RoleAssociation": calls(_BOARD, "grafana:UpdatePermissions ListPermissions", OWN),
    "aws:grafana/workspace:Workspace": [
        *calls("*", "grafana:CreateWorkspace", NEW),
        *calls(_BOARD, "grafana:DescribeWorkspace UpdateWorkspace UpdateWorkspaceAuthentication DeleteWorkspace", OWN),
        *calls("*", "sso:CreateManagedApplicationInstance DeleteManagedApplicationInstance"),
        *_passed("grafana", "grafana"),
        *_linked("grafana"),
    ],
    "aws:iam/role:Role": [
        *calls(_ROLE, "iam:CreateRole", {**WITHIN, **NEW}),
        *calls(_ROLE, "iam:TagRole", NEW),
        *calls(_ROLE, "iam:TagRole", {**OWN, **NEW}),
        *calls(_ROLE, "iam:UntagRole", OWN),
        *calls(_ROLE, "iam:UpdateRole UpdateAssumeRolePolicy DeleteRole", WITHIN),
        *calls(_ROLE, "iam:GetRole ListRolePolicies ListAttachedRolePolicies ListInstanceProfilesForRole"),
        *calls(PLACE.role_arn("ci-deploy"), "iam:GetRole ListRolePolicies ListAttachedRolePolicies"),
    ],
    "aws:iam/rolePolicy:RolePolicy": calls(_ROLE, "iam:PutRolePolicy DeleteRolePolicy", WITHIN),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": calls(_ROLE, "iam:AttachRolePolicy DetachRolePolicy", WITHIN),
    "aws:kms/alias:Alias": [
        *calls(PLACE.arn("kms", PLACE.key_alias("logs")), "kms:CreateAlias UpdateAlias DeleteAlias"),
        *calls(KEY, "kms:CreateAlias UpdateAlias DeleteAlias", policy=key_policy("logs")),
        *calls("*", "kms:ListAliases"),
    ],
    "aws:kms/key:Key": [
        *calls("*", "kms:CreateKey", {**NEW, BYPASS: "false"}),
        *calls("*", "kms:CreateKey", NEW),
        *calls(KEY, "kms:TagResource", {**NEW, "aws:TagKeys": list(PLACE.tags)}, key_policy("logs")),
        *calls(
            KEY,
            "kms:DescribeKey GetKeyPolicy PutKeyPolicy EnableKeyRotation GetKeyRotationStatus ListResourceTags "
            "UntagResource UpdateKeyDescription ScheduleKeyDeletion",
            policy=key_policy("logs"),
        ),
    ],
    "aws:rds/instance:Instance": [
        *calls(_DATABASE, "rds:CreateDBInstance AddTagsToResource", {REQUEST_TAG: PLACE.stack}),
        *(
            call
            for part in (_SUBNETS, _PARAMETERS, PLACE.arn("rds", "og:default:postgres-17"))
            for call in calls(part, "rds:CreateDBInstance ModifyDBInstance")
        ),
        *calls(_DATABASE, "rds:ModifyDBInstance RebootDBInstance DeleteDBInstance", OWN),
        *calls(PLACE.arn("rds", f"snapshot:{PLACE.name}-tracking-final"), "rds:CreateDBSnapshot DeleteDBSnapshot"),
        *calls(_LOGIN, "secretsmanager:CreateSecret TagResource"),
        *calls(_LOGIN, "secretsmanager:DescribeSecret RotateSecret", OWN_DATABASE),
        *_for_service("database"),
        *_linked("rds"),
    ],
    "aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication": [
        *calls(_DATABASE, f"rds:{_REPLICATION}", {"aws:RequestedRegion": SECOND.region}),
        *calls(
            SECOND.arn("rds", "auto-backup:ab-1"),
            "rds:StartDBInstanceAutomatedBackupsReplication",
            {"aws:RequestedRegion": SECOND.region},
        ),
        *calls("*", "kms:CreateKey", {**NEW, "aws:RequestedRegion": SECOND.region}),
    ],
    "aws:rds/parameterGroup:ParameterGroup": calls(
        _PARAMETERS, "rds:CreateDBParameterGroup ModifyDBParameterGroup DescribeDBParameters DeleteDBParameterGroup"
    ),
    "aws:rds/snapshot:Snapshot": [
        *calls(_DATABASE, "rds:CreateDBSnapshot", OWN),
        *calls(
            PLACE.arn("rds", f"snapshot:{PLACE.name}-tracking-before-mlflow-3-17-0-a1b2c3"),
            "rds:CreateDBSnapshot AddTagsToResource",
            {REQUEST_TAG: PLACE.stack},
        ),
        *calls(
            PLACE.arn("rds", f"snapshot:{PLACE.name}-tracking-before-mlflow-3-17-0-a1b2c3"), "rds:DeleteDBSnapshot", OWN
        ),
    ],
    "aws:rds/subnetGroup:SubnetGroup": calls(
        _SUBNETS, "rds:CreateDBSubnetGroup ModifyDBSubnetGroup DescribeDBSubnetGroups DeleteDBSubnetGroup"
    ),
    "aws:s3/bucket:Bucket": [
        *_bucket("CreateBucket", "ListBucket", "GetBucketTagging", "PutBucketTagging", "DeleteBucket"),
        *calls(f"{_BUCKET}/a", "s3:DeleteObject DeleteObjectVersion", policy=bucket_policy()),
    ],
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _bucket(
        "PutLifecycleConfiguration", "GetLifecycleConfiguration"
    ),
    "aws:s3/bucketLogging:BucketLogging": _bucket("PutBucketLogging", "GetBucketLogging"),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": _bucket(
        "PutBucketOwnershipControls", "GetBucketOwnershipControls"
    ),
    "aws:s3/bucketPolicy:BucketPolicy": _bucket("PutBucketPolicy", "GetBucketPolicy", "DeleteBucketPolicy"),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _bucket(
        "PutBucketPublicAccessBlock", "GetBucketPublicAccessBlock"
    ),
    "aws:s3/bucketReplicationConfig:BucketReplicationConfig": [
        *_bucket("GetReplicationConfiguration", "PutReplicationConfiguration"),
        *_passed("replication", "s3"),
        *calls(SECOND.bucket_arn("replica"), "s3:CreateBucket PutBucketPolicy PutBucketVersioning DeleteBucket"),
    ],
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _bucket(
        "PutEncryptionConfiguration", "GetEncryptionConfiguration"
    ),
    "aws:s3/bucketVersioning:BucketVersioning": _bucket("PutBucketVersioning", "GetBucketVersioning"),
    "aws:secretsmanager/secret:Secret": [
        *calls(_SECRET, "secretsmanager:CreateSecret", NEW),
        *calls(_SECRET, "secretsmanager:DescribeSecret UpdateSecret TagResource UntagResource DeleteSecret"),
        *_for_service("secrets"),
    ],
    "aws:secretsmanager/secretVersion:SecretVersion": calls(
        _SECRET, "secretsmanager:PutSecretValue GetSecretValue UpdateSecretVersionStage"
    ),
    "aws:sns/topicSubscription:TopicSubscription": calls(
        TOPIC, "sns:Subscribe GetSubscriptionAttributes Unsubscribe", OWN, topic_policy()
    ),
    "aws:sns/topic:Topic": [
        *calls(TOPIC, "sns:CreateTopic", NEW, topic_policy()),
        *calls(TOPIC, "sns:GetTopicAttributes SetTopicAttributes TagResource DeleteTopic", policy=topic_policy()),
    ],
}
"""What the deploy role must be allowed, by type."""

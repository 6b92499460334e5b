"""What the pipeline's deploy role may do: create, change and delete the stack's resources, and nothing else there is.

Where a resource has the stack's name, statements name it; where AWS invents the name, they ask for the stack's tag.
Permissions on KMS keys are in the policies of the keys: a tag or an alias on another key gives no access to it.
"""

from __future__ import annotations

from collections.abc import Sequence

from infra.catalogue.aws.names import ACCESS_LOGS, ARTIFACTS, DATASETS, REPLICA
from infra.catalogue.names import PROJECT
from infra.foundation.aws import backup
from infra.foundation.aws.context import AwsContext
from infra.foundation.aws.iam import (
    IN_CREATION,
    Conditions,
    Statement,
    allow,
    cluster_parts,
    database_secrets,
    deny,
    new_of_stack,
    no_other_stack,
    of_stack,
)

_CREATED_IN_EC2 = (
    *("FlowLogs", "InternetGateway", "NatGateway", "RouteTable"),
    *("SecurityGroup", "Subnet", "Vpc", "VpcEndpoint"),
)
_OF_AN_INSTANCE = (
    *("CreateDBInstance", "ModifyDBInstance", "RestoreDBInstanceFromDBSnapshot", "RestoreDBInstanceToPointInTime"),
)
_READS = [
    "ec2:Describe*",
    "ec2:GetManagedPrefixListEntries",
    "ecr:DescribePullThroughCacheRules",
    "ecr:GetAuthorizationToken",
    "kms:ListAliases",
    "logs:DescribeLogGroups",
    "rds:Describe*",
    "rds:ListTagsForResource",
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
_ROLE_CHANGES = [
    f"iam:{action}"
    for action in (
        "AttachRolePolicy",
        "CreateRole",
        "DeleteRole",
        "DeleteRolePolicy",
        "DetachRolePolicy",
        "PutRolePolicy",
        "UpdateAssumeRolePolicy",
        "UpdateRole",
    )
]
"""Only for roles with the boundary: other stacks' roles have another one, and the pipeline's own have none."""

_ROLE_TAGS = ["iam:TagRole", "iam:UntagRole"]
_ANY_CHANGE = [
    f"iam:{verb}*" for verb in ("Attach", "Create", "Delete", "Detach", "Pass", "Put", "Set", "Tag", "Untag", "Update")
]
_BOUNDARY_CHANGES = ["iam:DeleteRolePermissionsBoundary", "iam:PutRolePermissionsBoundary"]
_LINKED_SERVICES = [f"{service}.amazonaws.com" for service in ("eks", "pullthroughcache.ecr", "rds", "spot")]
"""Services whose service-linked role AWS creates with the first resource, as the caller."""

_PREFLIGHT_READS = [
    *(f"ec2:Describe{what}" for what in ("AvailabilityZones", "CapacityReservations", "PlacementGroups")),
    *(f"ec2:Describe{what}" for what in ("InstanceTypeOfferings", "InstanceTypes")),
    "eks:DescribeClusterVersions",
    "iam:ListOpenIDConnectProviders",
    *(f"rds:Describe{what}" for what in ("OrderableDBInstanceOptions", "SourceRegions")),
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

_STATE_FILES = (
    *("stacks/{project}/{stack}.json*", "history/{project}/{stack}/*", "backups/{project}/{stack}/*"),
    "locks/organization/{project}/{stack}/*",
)
"""A stack's part of a state backend in a bucket, below `.pulumi/`."""


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
        allow(["acm:DescribeCertificate"], [context.arn("acm", "certificate/*")]),
        allow(["s3:GetBucketLocation", "s3:GetBucketVersioning"], buckets),
        allow(["eks:DescribeCluster"], [context.cluster_arn]),
        allow(["iam:GetOpenIDConnectProvider", "iam:ListOpenIDConnectProviderTags"], [context.github]),
    ]


def deploy_statements(
    context: AwsContext,
    state_bucket: str | None = None,
    state_key: str | None = None,
    second: AwsContext | None = None,
    *,
    grafana: bool = False,
) -> list[Statement]:
    """All but network and data. `state_key`: the alias of the key that encrypts the stack's secrets. `second`: the
    region of backups.
    """
    return [
        allow([*_READS, *_LEFTOVER_READS], ["*"]),
        # It lists all roles for the check for leftovers; their names would fill up the policy.
        *preflight_statements(context, [context.iam_arn("role/*")], state_bucket, grafana=grafana),
        *_keys(context),
        *([*_keys(second), *backup.deploy_statements(context, second)] if second else []),
        *_cluster(context),
        *_roles(context),
        *(_state(context, state_bucket) if state_bucket else []),
        *(_stack_secrets(context, state_key) if state_key else []),
    ]


def network_statements(context: AwsContext) -> list[Statement]:
    """Whatever has the stack's tag may be changed, and only what is being created gets it."""
    creates = [*(f"ec2:Create{kind}" for kind in _CREATED_IN_EC2), "ec2:AllocateAddress"]
    everything = context.arn("ec2", "*")
    rules = [f"ec2:AuthorizeSecurityGroup{way}" for way in ("Egress", "Ingress")]
    return [
        allow(["ec2:*"], [everything], of_stack(context)),
        allow(creates, [everything], new_of_stack(context)),
        allow(["ec2:CreateTags"], [everything], IN_CREATION),
        # A rule has no tag; its group must have the stack's.
        allow(rules, [context.arn("ec2", "security-group-rule/*")]),
        # EC2 does so as the caller, for the private DNS name of an interface endpoint.
        allow(["route53:AssociateVPCWithHostedZone"], [f"arn:{context.partition}:route53:::hostedzone/*"]),
    ]


def _keys(context: AwsContext) -> list[Statement]:
    """Creating keys, and the stack's aliases. An alias needs permission on its key, too, which its policy gives.

    KMS takes tags of a new key only from those who may tag any key; no permission depends on a key's tag.
    """
    created = new_of_stack(context)
    only = {"ForAllValues:StringEquals": {"aws:TagKeys": list(context.tags)}}
    here = {"StringEquals": {**created["StringEquals"], "aws:RequestedRegion": context.region}}
    return [
        allow(["kms:CreateKey"], ["*"], {**here, "BoolIfExists": {"kms:BypassPolicyLockoutSafetyCheck": "false"}}),
        allow(["kms:TagResource"], ["*"], {**here, **only, **no_other_stack(context)}),
        allow(
            [f"kms:{action}Alias" for action in ("Create", "Delete", "Update")],
            [context.arn("kms", context.key_alias("*"))],
        ),
    ]


def data_statements(
    context: AwsContext, caches: Sequence[str] = (), second: AwsContext | None = None
) -> list[Statement]:
    """Registry, buckets, database, secrets, logs, metrics and topics. `caches`: prefixes of the registry's mirrors."""
    here = {"StringEquals": {"aws:RequestedRegion": context.region}}
    prefixes = [context.name, *(each for each in caches if not each.startswith(f"{context.name}/"))]
    repositories = [context.arn("ecr", f"repository/{prefix}/*") for prefix in prefixes]
    groups = (f"/{context.name}/*", f"/aws/eks/{context.name}/*", f"/aws/rds/instance/{context.name}-*")
    databases = [f"{kind}:{context.name}-*" for kind in ("db", "pg", "snapshot", "snapshot:rds", "subgrp")]
    buckets = [context.bucket_arn(purpose) for purpose in (ARTIFACTS, DATASETS, ACCESS_LOGS)]
    buckets += [second.bucket_arn(REPLICA)] if second else []
    created_secret = database_secrets(context, ["secretsmanager:CreateSecret", "secretsmanager:TagResource"])
    created_secret["Condition"] = {
        "StringLikeIfExists": created_secret["Condition"]["StringLike"],
        "Null": {"aws:ResourceTag/aws:rds:primaryDBClusterArn": "true"},
    }
    return [
        allow(["ecr:*"], repositories),
        allow([f"ecr:{action}PullThroughCacheRule" for action in ("Create", "Delete", "Update")], ["*"], here),
        allow(["s3:*"], [each for bucket in buckets for each in (bucket, f"{bucket}/*")]),
        # A database is created with AWS's default option group.
        allow(["rds:*"], [context.arn("rds", each) for each in databases], no_other_stack(context)),
        allow([f"rds:{action}" for action in _OF_AN_INSTANCE], [context.arn("rds", "og:default:*")]),
        allow(_SECRET_CHANGES, [context.arn("secretsmanager", f"secret:{context.name}/*")]),
        # RDS creates the secret with the caller's permissions; the pipeline can't read its value.
        created_secret,
        database_secrets(context, ["secretsmanager:DescribeSecret", "secretsmanager:RotateSecret"]),
        allow(["logs:*"], [context.arn("logs", f"log-group:{group}") for group in groups]),
        allow(["aps:CreateWorkspace"], ["*"], _here_and(context, new_of_stack(context))),
        allow(["aps:*"], [context.arn("aps", "workspace/*")], of_stack(context)),
        allow(["sns:*"], [context.arn("sns", f"{context.name}-*")], no_other_stack(context)),
        *_alarms(context),
    ]


def _alarms(context: AwsContext) -> list[Statement]:
    """CloudWatch acts as itself: an alarm could stop instances of others, so it only notifies the stack's topics."""
    alarms, topics = [context.arn("cloudwatch", f"alarm:{context.name}-*")], context.arn("sns", f"{context.name}-*")
    only = {**no_other_stack(context), "ForAllValues:StringLike": {"cloudwatch:AlarmActions": topics}}
    others = [
        f"cloudwatch:{action}" for action in ("DeleteAlarms", "Describe*", "List*", "TagResource", "UntagResource")
    ]
    return [allow(["cloudwatch:PutMetricAlarm"], alarms, only), allow(others, alarms, no_other_stack(context))]


def _cluster(context: AwsContext) -> list[Statement]:
    return [
        allow(["eks:CreateCluster"], ["*"], _here_and(context, new_of_stack(context))),
        allow(["eks:*"], cluster_parts(context)),
    ]


def _roles(context: AwsContext) -> list[Statement]:
    """The pipeline can't extend its own permissions, nor give a role that it creates more than the boundary."""
    roles = [context.iam_arn(f"role/{context.name}-*")]
    pipeline = [context.role_arn(name) for name in ("ci-deploy", "ci-preview")]
    linked = context.iam_arn("role/aws-service-role/*")
    pods = {"StringEquals": {"iam:PassedToService": "pods.eks.amazonaws.com"}}
    nodes = {"StringEquals": {"iam:PassedToService": ["eks.amazonaws.com", f"ec2.{context.domain}"]}}
    logs = {"StringEquals": {"iam:PassedToService": "vpc-flow-logs.amazonaws.com"}}
    return [
        allow(_ROLE_READS, [*roles, context.iam_arn(f"policy/{context.name}-*")]),
        allow(_ROLE_CHANGES, roles, {"StringEquals": {"iam:PermissionsBoundary": context.boundary}}),
        allow(_ROLE_TAGS, roles, no_other_stack(context)),
        allow(["iam:PassRole"], [context.role_arn(name) for name in ("cluster", "node")], nodes),
        allow(["iam:PassRole"], [context.role_arn("flow")], logs),
        # The trust of a pod's role names its cluster: other stacks' roles are of no use here.
        allow(["iam:PassRole"], roles, pods),
        allow(["iam:CreateServiceLinkedRole"], [linked], {"StringEquals": {"iam:AWSServiceName": _LINKED_SERVICES}}),
        deny(_ANY_CHANGE, [*pipeline, context.iam_arn(f"policy/{context.name}-*")]),
        deny(_BOUNDARY_CHANGES, roles),
    ]


def _state(context: AwsContext, bucket: str) -> list[Statement]:
    """The stack's own files: the bucket may hold other stacks', too."""
    state = f"arn:{context.partition}:s3:::{bucket}"
    files = [f"{state}/*.pulumi/{each.format(project=PROJECT, stack=context.stack)}" for each in _STATE_FILES]
    return [
        allow(["s3:ListBucket"], [state]),
        allow(["s3:GetObject"], [f"{state}/*.pulumi/meta.yaml"]),
        allow([f"s3:{action}Object" for action in ("Delete", "Get", "Put")], files),
    ]


def _stack_secrets(context: AwsContext, alias: str) -> list[Statement]:
    """The key was made before the stack, and its policy leaves permissions to IAM."""
    named = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": alias}}
    return [allow(["kms:Decrypt", "kms:Encrypt"], [context.arn("kms", "key/*")], named)]


def _here_and(context: AwsContext, conditions: Conditions) -> Conditions:
    return {"StringEquals": {**conditions["StringEquals"], "aws:RequestedRegion": context.region}}

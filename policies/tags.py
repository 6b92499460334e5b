"""Resources carry tags for ownership and cost allocation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pulumi_policy import ResourceValidationArgs

from infra.catalogue.names import DOMAIN
from policies.rule import ResourceRule, known

TAGS = tuple(f"{DOMAIN}/{tag}" for tag in ("project", "stack", "team", "cost-centre"))
_TAGGED = frozenset(
    {
        "aws:amp/workspace:Workspace",
        "aws:cloudwatch/logGroup:LogGroup",
        "aws:ebs/volume:Volume",
        "aws:ec2/eip:Eip",
        "aws:ec2/instance:Instance",
        "aws:ec2/launchTemplate:LaunchTemplate",
        "aws:ec2/natGateway:NatGateway",
        "aws:ec2/securityGroup:SecurityGroup",
        "aws:ec2/subnet:Subnet",
        "aws:ec2/vpc:Vpc",
        "aws:ec2/vpcEndpoint:VpcEndpoint",
        "aws:ecr/repository:Repository",
        "aws:eks/cluster:Cluster",
        "aws:eks/nodeGroup:NodeGroup",
        "aws:iam/policy:Policy",
        "aws:iam/role:Role",
        "aws:kms/key:Key",
        "aws:rds/instance:Instance",
        "aws:rds/snapshot:Snapshot",
        "aws:s3/bucket:Bucket",
        "aws:s3/bucketV2:BucketV2",
        "aws:secretsmanager/secret:Secret",
        "aws:sns/topic:Topic",
    }
)
"""Types that cost money, store data or grant access."""


def _untagged(args: ResourceValidationArgs) -> Iterator[str]:
    if args.resource_type not in _TAGGED:
        return
    tags = {**_known_keys(args.props, "tags"), **_known_keys(args.props, "tagsAll")}
    absent = [tag for tag in TAGS if tag not in tags]
    if absent and not _unknown(args.props):
        yield f"without {', '.join(absent)}"


def _known_keys(props: Any, field: str) -> Mapping[str, None]:
    """The names of tags; their values may be unknown at preview."""
    return dict.fromkeys(known(props, field) or {})


def _unknown(props: Any) -> bool:
    """Whether the tags are unknown at preview."""
    return any(field in props and known(props, field) is None for field in ("tags", "tagsAll"))


def _log_group(provider: str) -> str:
    return f"""
aws.cloudwatch.LogGroup(name, opts=pulumi.ResourceOptions(provider={provider}))
"""


RULES = (
    ResourceRule(
        name="tags-present",
        reason="Every resource has tags for its project, stack, team and cost centre.",
        fix="create it with the foundation's provider, which adds default tags",
        check=_untagged,
        refuses=_log_group('aws.Provider(name, region="eu-central-1")'),
        passes=_log_group("account"),
    ),
)

"""Nothing is reachable from the whole internet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pulumi_policy import PolicyResource, ResourceValidationArgs

from infra.catalogue.networks import is_anybody
from policies.encryption import BUCKETS, meant
from policies.rule import ResourceRule, StackRule, differs, known, known_items, missing

_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
_BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
_PUBLIC_LISTS = {"public-read", "public-read-write", "authenticated-read"}
_NETWORKS = ("cidrBlocks", "ipv6CidrBlocks", "cidrIpv4", "cidrIpv6")
_DATABASES = {"aws:rds/instance:Instance", "aws:rds/clusterInstance:ClusterInstance"}


def _buckets(args: ResourceValidationArgs) -> Iterator[str]:
    if args.resource_type.startswith("aws:s3/") and known(args.props, "acl") in _PUBLIC_LISTS:
        yield f"this bucket is publicly readable (acl: {known(args.props, 'acl')})"
    if args.resource_type == _BLOCK:
        for block in _BLOCKS:
            if differs(args.props, block, wanted=True):
                yield f"this bucket may become public ({block})"


def _unblocked(resources: Sequence[PolicyResource]) -> Iterator[tuple[PolicyResource, str]]:
    blocked = {urn for each in resources if each.resource_type == _BLOCK for urn in meant(each, "bucket")}
    for each in resources:
        if each.resource_type in BUCKETS and each.urn not in blocked:
            yield each, "this bucket has no public access block"


def _databases(args: ResourceValidationArgs) -> Iterator[str]:
    if args.resource_type in _DATABASES and known(args.props, "publiclyAccessible") is True:
        yield "this database has a public address (publiclyAccessible)"


def _clusters(args: ResourceValidationArgs) -> Iterator[str]:
    """By default, EKS makes the API endpoint public without a restriction."""
    public = differs(args.props, "vpcConfig", "endpointPublicAccess", wanted=False)
    if args.resource_type == "aws:eks/cluster:Cluster" and public:
        networks = known_items(known(args.props, "vpcConfig", "publicAccessCidrs"))
        if missing(args.props, "vpcConfig", "publicAccessCidrs") or is_anybody(networks):
            yield "the cluster's API is reachable from any address (publicAccessCidrs)"


def _security_groups(args: ResourceValidationArgs) -> Iterator[str]:
    group, single = "aws:ec2/securityGroup:SecurityGroup", "aws:ec2/securityGroupRule:SecurityGroupRule"
    rules = list(known_items(known(args.props, "ingress"))) if args.resource_type == group else []
    if args.resource_type == "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule":
        rules = [args.props]
    if args.resource_type == single and known(args.props, "type") == "ingress":
        rules = [args.props]
    for field in _NETWORKS:
        values = [known(rule, field) for rule in rules]
        networks = [each for value in values for each in ([value] if isinstance(value, str) else known_items(value))]
        if is_anybody(networks):
            yield f"ingress is allowed from any address ({field}: {', '.join(map(str, networks))})"


def _block(public: bool) -> str:
    return f"""
aws.s3.BucketPublicAccessBlock(
    name,
    bucket="models",
    block_public_acls=True,
    block_public_policy={not public},
    ignore_public_acls=True,
    restrict_public_buckets=True,
    opts=on_aws,
)
"""


def _database(public: bool) -> str:
    return f"""
aws.rds.Instance(
    name,
    instance_class="db.t4g.medium",
    storage_encrypted=True,
    kms_key_id="arn:aws:kms:eu-central-1:123456789012:key/own",
    deletion_protection=True,
    skip_final_snapshot=True,
    publicly_accessible={public},
    opts=kept,
)
"""


def _cluster(network: str) -> str:
    return f"""
aws.eks.Cluster(
    name,
    role_arn="arn:aws:iam::123456789012:role/cluster",
    deletion_protection=True,
    vpc_config={{"subnetIds": ["subnet-1", "subnet-2"], "publicAccessCidrs": ["{network}"]}},
    opts=kept,
)
"""


def _group(network: str) -> str:
    return f"""
aws.ec2.SecurityGroup(
    name,
    ingress=[{{"protocol": "tcp", "fromPort": 443, "toPort": 443, "cidrBlocks": ["{network}"]}}],
    opts=on_aws,
)
"""


RULES = (
    ResourceRule(
        name="no-public-buckets",
        reason="No bucket is public or can become public.",
        fix="set all four blocks of its BucketPublicAccessBlock, and no public acl",
        check=_buckets,
        refuses=_block(public=True),
        passes=_block(public=False),
    ),
    StackRule(
        name="buckets-with-public-access-blocks",
        reason="Every bucket has a public access block.",
        fix="add a BucketPublicAccessBlock for it",
        check=_unblocked,
        refuses="with_own_key(aws.s3.Bucket(name, opts=kept))",
        passes="encrypted(aws.s3.Bucket(name, opts=kept))",
    ),
    ResourceRule(
        name="no-public-databases",
        reason="Databases are reachable only from inside the VPC.",
        fix="set publiclyAccessible: false",
        check=_databases,
        refuses=_database(public=True),
        passes=_database(public=False),
    ),
    ResourceRule(
        name="no-public-clusters",
        reason="The cluster's API is reachable only from declared networks.",
        fix="declare foundation.aws.cluster.publicCidrs, or omit it to use the private endpoint",
        check=_clusters,
        refuses=_cluster("0.0.0.0/0"),
        passes=_cluster("203.0.113.0/24"),
    ),
    ResourceRule(
        name="no-open-security-groups",
        reason="Security groups name the sources of ingress.",
        fix="name the networks or security groups that need access",
        check=_security_groups,
        refuses=_group("0.0.0.0/0"),
        passes=_group("10.20.0.0/16"),
    ),
)

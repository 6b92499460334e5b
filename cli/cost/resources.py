"""Resources of a plan, which have a price by their type; nodes are priced by their pool.

To price another type, add a function to `_PRICED`, and its service to `infra/catalogue/aws/prices.json`; what is billed
by use is named in `_BY_USE`. A test requires that each AWS type of a plan is in `_PRICED`, `_BY_USE` or `FREE`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from cli.components import component
from cli.cost.items import Item
from infra.catalogue.aws.prices import HOURS, Price, database_price, service_price
from infra.catalogue.versions import EKS_VERSIONS
from infra.declaration.aws.settings import AwsFoundation
from infra.declaration.types import memory_bytes

Step = Mapping[str, Any]
_GIB = 2**30


@dataclass(frozen=True)
class _Known:
    aws: AwsFoundation
    today: date

    def price(self, service: str) -> Price:
        return service_price(service, self.aws.region)


_Pricing = Callable[[_Known, Step], Iterable[Item]]


def _one(service: str, what: str) -> _Pricing:
    """A thing that has one price."""

    def items(known: _Known, step: Step) -> Iterator[Item]:
        price = known.price(service)
        yield Item(component(step), what, 1, price.dollars, price.dollars, [price])

    return items


def _cluster(known: _Known, step: Step) -> Iterator[Item]:
    yield from _one("eks-cluster", "EKS control plane")(known, step)
    version = EKS_VERSIONS.get(str(step["inputs"].get("version")))
    extended = known.aws.cluster.upgrade_policy == "EXTENDED"
    if extended and version is not None and version.end_of_standard_support < known.today:
        yield from _one("eks-extended-support", "extended support of its version")(known, step)


def _endpoint(known: _Known, step: Step) -> Iterator[Item]:
    """An interface endpoint has a network interface in each of its subnets; a gateway endpoint is free."""
    if step["inputs"].get("vpcEndpointType") == "Interface":
        subnets = step["inputs"].get("subnetIds")  # in a plan the list may be unknown as a whole
        zones = len(subnets if isinstance(subnets, list) else known.aws.network.zones)
        price = known.price("interface-endpoint")
        dollars = price.dollars * zones
        yield Item(component(step), f"interface endpoint in {zones} zones", 1, dollars, dollars, [price])


def _database(known: _Known, step: Step) -> Iterator[Item]:
    """With a standby, instance and storage are billed twice. Storage may grow up to a maximum."""
    inputs, name = step["inputs"], component(step)
    instance, times = database_price(inputs["instanceClass"], known.aws.region), 2 if inputs.get("multiAz") else 1
    what = f"{inputs['instanceClass']}{' with a standby' if times > 1 else ''}"
    dollars = instance.dollars * HOURS * times if instance else Decimal()
    yield Item(name, what, 1, dollars, dollars, [instance] if instance else [])
    gigabyte = known.price("rds-gp3-gigabyte")
    least, most = int(inputs["allocatedStorage"]), int(inputs.get("maxAllocatedStorage") or inputs["allocatedStorage"])
    size = f"storage of {least}{f' to {most}' if most > least else ''} GiB"
    storage = gigabyte.dollars * times
    yield Item(name, size, 1, storage * least, storage * most, [gigabyte])
    if inputs.get("manageMasterUserPassword"):
        yield from _one("secret", "secret with its password")(known, step)


def _volume(known: _Known, step: Step) -> Iterator[Item]:
    price = known.price("gp3-gigabyte")
    size = Decimal(memory_bytes(step["inputs"]["spec"]["resources"]["requests"]["storage"])) / _GIB
    yield Item(
        component(step), f"volume of {size.normalize():f} GiB", 1, price.dollars * size, price.dollars * size, [price]
    )


_PRICED: Mapping[str, _Pricing] = {
    "aws:eks/cluster:Cluster": _cluster,
    "aws:ec2/natGateway:NatGateway": _one("nat-gateway", "NAT gateway"),
    "aws:ec2/eip:Eip": _one("public-ipv4", "public address"),
    "aws:ec2/vpcEndpoint:VpcEndpoint": _endpoint,
    "aws:rds/instance:Instance": _database,
    "aws:kms/key:Key": _one("kms-key", "key"),
    "aws:secretsmanager/secret:Secret": _one("secret", "secret"),
    "aws:grafana/workspace:Workspace": _one("grafana-editor", "Grafana's first editor"),
    "kubernetes:core/v1:PersistentVolumeClaim": _volume,
}
_COPIES = "copies in the second region, and the data on its way there"
_BY_USE: Mapping[str, str] = {
    "aws:amp/workspace:Workspace": "samples stored and queried (Managed Prometheus)",
    "aws:cloudwatch/logGroup:LogGroup": "log data (CloudWatch)",
    "aws:ec2/natGateway:NatGateway": "data through NAT gateways, and out of the region",
    "aws:ec2/vpcEndpoint:VpcEndpoint": "data through endpoints, and between zones",
    "aws:ecr/repository:Repository": "images (ECR)",
    "aws:grafana/workspace:Workspace": "Grafana's further users",
    "aws:kms/key:Key": "requests to keys (KMS), their rotations",
    "aws:rds/instance:Instance": "backups beyond the database's size",
    "aws:cloudwatch/metricAlarm:MetricAlarm": "alarms beyond the account's first ten (CloudWatch)",
    "aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication": _COPIES,
    "aws:s3/bucketReplicationConfig:BucketReplicationConfig": _COPIES,
    "aws:rds/snapshot:Snapshot": "backups beyond the database's size",
    "aws:s3/bucket:Bucket": "files of runs and models (S3)",
    "aws:sns/topic:Topic": "alerts sent (SNS)",
}
FREE = frozenset(
    f"aws:{kind}"
    for kind in (
        *("ec2/defaultSecurityGroup:DefaultSecurityGroup", "ec2/flowLog:FlowLog", "ec2/route:Route"),
        *("ec2/internetGateway:InternetGateway", "ec2/routeTable:RouteTable", "ec2/subnet:Subnet", "ec2/vpc:Vpc"),
        *("ec2/routeTableAssociation:RouteTableAssociation", "ec2/securityGroup:SecurityGroup"),
        *("ecr/lifecyclePolicy:LifecyclePolicy", "ecr/pullThroughCacheRule:PullThroughCacheRule"),
        *("eks/accessEntry:AccessEntry", "eks/accessPolicyAssociation:AccessPolicyAssociation"),
        *("eks/podIdentityAssociation:PodIdentityAssociation", "grafana/roleAssociation:RoleAssociation"),
        *("iam/openIdConnectProvider:OpenIdConnectProvider", "iam/policy:Policy", "iam/role:Role"),
        *("iam/rolePolicy:RolePolicy", "iam/rolePolicyAttachment:RolePolicyAttachment", "kms/alias:Alias"),
        *("rds/parameterGroup:ParameterGroup", "rds/subnetGroup:SubnetGroup", "s3/bucketPolicy:BucketPolicy"),
        *("s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", "s3/bucketLogging:BucketLogging"),
        *("s3/bucketOwnershipControls:BucketOwnershipControls", "s3/bucketVersioning:BucketVersioning"),
        "s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        "s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        *("secretsmanager/secretVersion:SecretVersion", "sns/topicSubscription:TopicSubscription"),
    )
)
"""Types without a price of their own; nodes are priced by their pool."""


def is_classified(type_: str) -> bool:
    """Whether it is known if a type of AWS's costs something."""
    return type_ in _PRICED or type_ in _BY_USE or type_ in FREE


def resource_items(aws: AwsFoundation, steps: Iterable[Step], today: date) -> Iterator[Item]:
    """What the resources of a plan cost, without those that are free or billed by use."""
    known = _Known(aws, today)
    for step in steps:
        if step["type"] in _PRICED:
            yield from _PRICED[step["type"]](known, step)


def billed_by_use(steps: Iterable[Step]) -> list[str]:
    """What else is billed, by how much it is used."""
    return sorted({_BY_USE[step["type"]] for step in steps if step["type"] in _BY_USE})

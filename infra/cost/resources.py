"""Resources of a plan, which have a price by their type; nodes are priced by their pool.

To price another type, add a function to `_PRICED`, and its service to `infra/catalogue/aws/prices.json`; what is billed
by use is named in `_BY_USE`. A test requires that each AWS type of a plan is in `_PRICED`, `_BY_USE` or `FREE`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from infra.catalogue.aws.prices import HOURS, Price, database_price, service_price
from infra.catalogue.versions import EKS_VERSIONS
from infra.cost.amounts import Amounts, always
from infra.cost.items import Item
from infra.cost.pods import Step, spec_of, team_of, whole_number
from infra.declaration.aws.settings import AwsFoundation
from infra.declaration.model import Platform
from infra.declaration.types import memory_bytes

Naming = Callable[[Step], str]
"""The component that a step belongs to."""
_GIB = 2**30
_SCHEME = "service.beta.kubernetes.io/aws-load-balancer-scheme"


@dataclass(frozen=True)
class _Known:
    platform: Platform
    aws: AwsFoundation
    component: Naming
    today: date

    def price(self, service: str) -> Price:
        return service_price(service, self.aws.region)

    def item(self, step: Step, what: str, dollars: Decimal | Amounts, *prices: Price) -> Item:
        """One thing of a component, in the namespace of a team or of the platform."""
        team = team_of(self.platform, step)
        amounts = dollars if isinstance(dollars, Amounts) else always(dollars)
        return Item(self.component(step), what, 1, amounts, prices, {team: amounts} if team else {})


_Pricing = Callable[[_Known, Step], Iterable[Item]]


def _one(service: str, what: str) -> _Pricing:
    """A thing that has one price."""

    def items(known: _Known, step: Step) -> Iterator[Item]:
        price = known.price(service)
        yield known.item(step, what, price.dollars, price)

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
        yield known.item(step, f"interface endpoint in {zones} zones", price.dollars * zones, price)


def _database(known: _Known, step: Step) -> Iterator[Item]:
    """With a standby, instance and storage are billed twice. Storage may grow up to a maximum."""
    inputs = step["inputs"]
    name, times = str(inputs.get("instanceClass")), 2 if inputs.get("multiAz") else 1
    instance = database_price(name, known.aws.region)
    dollars = instance.dollars * HOURS * times if instance else Decimal()
    what = f"{name}{' with a standby' if times > 1 else ''}"
    yield known.item(step, what, dollars, *([instance] if instance else []))
    yield _storage(known, step, times)
    if inputs.get("manageMasterUserPassword"):
        yield from _one("secret", "secret with its password")(known, step)


def _storage(known: _Known, step: Step, times: int) -> Item:
    """Of a database; its size is not known if a snapshot decides it."""
    least, most = (whole_number(step["inputs"].get(key)) for key in ("allocatedStorage", "maxAllocatedStorage"))
    if least is None:
        return known.item(step, "storage of a size that the plan does not tell", Decimal())
    most = max(least, most or 0)
    gigabyte = known.price("rds-gp3-gigabyte")
    small, large = (gigabyte.dollars * times * size for size in (least, most))
    size = f"storage of {least}{f' to {most}' if most > least else ''} GiB"
    return known.item(step, size, Amounts(small, small, large), gigabyte)


def _volume(known: _Known, step: Step) -> Iterator[Item]:
    price = known.price("gp3-gigabyte")
    requests = (spec_of(step).get("resources") or {}).get("requests") or {}
    if "storage" in requests:
        size = Decimal(memory_bytes(requests["storage"])) / _GIB
        yield known.item(step, f"volume of {size.normalize():f} GiB", price.dollars * size, price)


def _load_balancer(known: _Known, step: Step) -> Iterator[Item]:
    """EKS Auto Mode creates one for a Service; from the internet it has an address in each zone."""
    if spec_of(step).get("type") != "LoadBalancer":
        return
    yield from _one("network-load-balancer", "Network Load Balancer")(known, step)
    annotations = (step["inputs"].get("metadata") or {}).get("annotations") or {}
    if annotations.get(_SCHEME) == "internet-facing":
        price, zones = known.price("public-ipv4"), len(known.aws.network.zones)
        yield known.item(step, f"its public addresses in {zones} zones", price.dollars * zones, price)


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
    "kubernetes:core/v1:Service": _load_balancer,
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
    "kubernetes:gateway.envoyproxy.io/v1alpha1:EnvoyProxy": "connections and data of the load balancer",
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


def resource_items(
    platform: Platform, aws: AwsFoundation, steps: Iterable[Step], component: Naming, today: date
) -> Iterator[Item]:
    """What the resources of a plan cost, without those that are free or billed by use."""
    known = _Known(platform, aws, component, today)
    for step in steps:
        if step["type"] in _PRICED:
            yield from _PRICED[step["type"]](known, step)


def billed_by_use(steps: Iterable[Step]) -> list[str]:
    """What else is billed, by how much it is used."""
    return sorted({_BY_USE[step["type"]] for step in steps if step["type"] in _BY_USE})

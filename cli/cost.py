"""What a planned stack on AWS costs a month: at rest, without jobs, and with every pool at its maximum.

Resources of the plan have a price by their type, nodes by their declared pool. To price another type, add a function to
`_PRICED`, and its service to `infra/catalogue/aws/prices.json`; what is billed by use is named in `_BY_USE`. A test
requires that each AWS type of a plan is in `_PRICED`, `_BY_USE` or `FREE`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from cli.components import SYSTEM_POOL, component, pool_component
from infra.catalogue.aws.instance_types import instance_type
from infra.catalogue.aws.prices import HOURS, Price, database_price, service_price
from infra.catalogue.names import POOL_LABEL
from infra.catalogue.versions import EKS_VERSIONS
from infra.declaration.aws.allocatable import allocatable_cpu, allocatable_memory
from infra.declaration.aws.cost import PoolCost, pool_costs, system_pool_cost
from infra.declaration.aws.settings import AwsFoundation
from infra.declaration.model import Platform
from infra.declaration.pool_nodes import GPU
from infra.declaration.types import cpu_millis, memory_bytes

Step = Mapping[str, Any]
_GIB = 2**30
_HOSTNAME = "kubernetes.io/hostname"


@dataclass(frozen=True)
class Item:
    """Dollars a month of some things of one kind in a component."""

    component: str
    what: str
    count: int
    least: Decimal
    most: Decimal
    prices: Sequence[Price] = ()


@dataclass(frozen=True)
class Cost:
    """Of a whole stack. `stand_ins` are kinds of things that are priced as in another region."""

    region: str
    items: Sequence[Item]
    by_use: Sequence[str]
    stand_ins: Sequence[str]
    unknown: Sequence[str]
    notes: Sequence[str]
    dates: Sequence[str]

    @property
    def least(self) -> Decimal:
        return sum((item.least for item in self.items), start=Decimal())

    @property
    def most(self) -> Decimal:
        return sum((item.most for item in self.items), start=Decimal())

    def of(self, name: str) -> tuple[Decimal, Decimal] | None:
        """Least and most of a component; None if it has no price."""
        items = [item for item in self.items if item.component == name]
        if not items:
            return None
        return sum((item.least for item in items), Decimal()), sum((item.most for item in items), Decimal())

    def as_json(self) -> dict[str, Any]:
        """Dollars to the cent, as texts."""
        names = dict.fromkeys(item.component for item in self.items)
        return {
            "region": self.region,
            "least": f"{self.least:.2f}",
            "most": f"{self.most:.2f}",
            "components": {name: [f"{dollars:.2f}" for dollars in self.of(name) or ()] for name in names},
            "byUse": list(self.by_use),
            "notes": [*self.notes, *self.stand_ins, *self.unknown],
            "dates": list(self.dates),
        }


def monthly(platform: Platform, steps: Sequence[Step], today: date | None = None) -> Cost | None:
    """The cost of a plan; None on foundations other than AWS, where nothing is bought."""
    aws = platform.foundation.aws
    if aws is None:
        return None
    kept = [step for step in steps if step["operation"] not in ("delete", "delete-replaced", "discard")]
    known = _Known(aws, today or datetime.now(UTC).date())
    items = [
        *(item for step in kept if step["type"] in _PRICED for item in _PRICED[step["type"]](known, step)),
        *_nodes(platform, aws, kept),
    ]
    prices = [price for item in items for price in item.prices]
    return Cost(
        aws.region,
        _merged(items),
        sorted({_BY_USE[step["type"]] for step in kept if step["type"] in _BY_USE}),
        sorted({item.what for item in items if any(price.region != aws.region for price in item.prices)}),
        sorted({item.what for item in items if not item.prices}),
        _notes(platform),
        [min(price.date for price in prices), max(price.date for price in prices)] if prices else [],
    )


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


@dataclass(frozen=True)
class _Pods:
    """The pods of one Deployment or StatefulSet, which always run."""

    pool: str | None
    replicas: int
    cpu: int
    memory: int
    gpus: int
    spread: bool


def _running(steps: Iterable[Step]) -> Iterator[_Pods]:
    for step in steps:
        if step["type"] not in ("kubernetes:apps/v1:Deployment", "kubernetes:apps/v1:StatefulSet"):
            continue
        spec = step["inputs"]["spec"]
        pod = spec["template"]["spec"]
        asked = [container.get("resources", {}).get("requests") or {} for container in pod["containers"]]
        keys = [each.get("topologyKey") for each in pod.get("topologySpreadConstraints") or []]
        yield _Pods(
            (pod.get("nodeSelector") or {}).get(POOL_LABEL),
            int(spec.get("replicas") or 1),
            sum(cpu_millis(str(each.get("cpu", "0"))) for each in asked),
            sum(memory_bytes(each["memory"]) for each in asked if "memory" in each),
            sum(int(each.get(GPU, 0)) for each in asked),
            _HOSTNAME in keys,
        )


def _nodes_for(pods: Sequence[_Pods], cpu: int, memory: int, gpus: int) -> int:
    """How many nodes of a size the pods need: by their requests, and one for each replica that is spread over nodes."""
    needs = [
        math.ceil(sum(each.replicas * getattr(each, resource) for each in pods) / size) if size else 0
        for resource, size in (("cpu", cpu), ("memory", memory), ("gpus", gpus))
    ]
    return max([*needs, *(each.replicas for each in pods if each.spread)], default=0)


def _nodes(platform: Platform, aws: AwsFoundation, steps: Sequence[Step]) -> Iterator[Item]:
    """The nodes of each pool, with their disks."""
    by_pool: dict[str | None, list[_Pods]] = defaultdict(list)
    for pods in _running(steps):
        by_pool[pods.pool].append(pods)
    machines = [instance_type(name) for name in aws.system_pool.instance_types]
    logs = platform.collects_logs
    cpu = min(allocatable_cpu(machine, logs=logs) for machine in machines)
    memory = min(allocatable_memory(machine, efa=False, logs=logs) for machine in machines) * 2**20
    least = max(1, _nodes_for(by_pool[None], cpu, memory, 0))
    yield _pool_item(SYSTEM_POOL, system_pool_cost(aws, least))
    for pool in pool_costs(platform.node_pools, aws):
        node = platform.node_pools[pool.name]
        size = cpu_millis(node.instance.cpu), memory_bytes(node.instance.memory), node.gpu.count if node.gpu else 0
        yield _pool_item(pool_component(pool.name), pool, _nodes_for(by_pool[pool.name], *size))


def _pool_item(name: str, pool: PoolCost, needed: int = 0) -> Item:
    least = min(max(pool.min, needed), pool.max)
    nodes = f"{least} to {pool.max}" if least < pool.max else f"{least}"
    return Item(
        name,
        f"{nodes} x {' or '.join(pool.types)}",
        1,
        pool.of_a_month(least, pool.cheapest),
        pool.of_a_month(pool.max, pool.most_expensive),
        [*pool.prices, pool.disk_of_a_month] if pool.prices else [],
    )


def _notes(platform: Platform) -> list[str]:
    reduced = {"spot": "spot", "reserved": "reserved capacity", "capacityBlock": "a capacity block"}
    return [
        f"pool {name} is priced on demand; {reduced[capacity]} costs less"
        for name, pool in platform.node_pools.items()
        for capacity in (pool.aws.capacity if pool.aws else ())
        if capacity in reduced
    ]


def _merged(items: Iterable[Item]) -> list[Item]:
    """Those of one kind in one component as one."""
    found: dict[tuple[str, str], Item] = {}
    for item in items:
        key = (item.component, item.what)
        other = found.get(key)
        found[key] = item if other is None else _sum(other, item)
    return list(found.values())


def _sum(one: Item, other: Item) -> Item:
    return Item(
        one.component, one.what, one.count + other.count, one.least + other.least, one.most + other.most, one.prices
    )

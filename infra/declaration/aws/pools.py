"""EC2 settings of a node pool, and the rules for pools on the aws foundation."""

from __future__ import annotations

import difflib
import itertools
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from infra.catalogue.aws.instance_types import InstanceType, instance_type, instance_types
from infra.declaration.aws.allocatable import allocatable_cpu, allocatable_memory
from infra.declaration.aws.settings import AwsFoundation
from infra.declaration.aws.types import PlacementGroup, Reservation, Zone
from infra.declaration.problems import Problem
from infra.declaration.types import Memory, Seconds, Settings, cpu_millis, memory_bytes, written

if TYPE_CHECKING:
    from infra.declaration.pools import NodePool

Capacity = Literal["onDemand", "spot", "reserved", "capacityBlock"]

_HOUR = 3600
_MAX_NODE_AGE = 21 * 24 * _HOUR
_LONGEST_JOB = _MAX_NODE_AGE - _HOUR
"""Seconds; the rest is the shortest expiry that is advised."""
_TAKEN = {"default", "general-purpose", "system", "ml-platform-system"}
RESERVED_CAPACITY = frozenset({"reserved", "capacityBlock"})


class Ec2Pool(Settings):
    """EC2 settings of a node pool. An autoscaled pool starts nodes for pending pods and removes empty nodes."""

    instance_types: Annotated[tuple[str, ...], Field(strict=False, min_length=1)] = Field(
        description="EC2 instance types; a node may have any of them", examples=[["g5.2xlarge"]]
    )
    capacity: Annotated[tuple[Capacity, ...], Field(strict=False, min_length=1)] = Field(
        default=("onDemand",), description="Capacity types; with several, the cheapest that is available is used"
    )
    reservation: Reservation | None = Field(
        default=None, description="Id of the capacity reservation, for capacity `reserved` and `capacityBlock`"
    )
    fixed_size: bool = Field(default=False, description="Always have `max` nodes, without autoscaling")
    zones: Annotated[tuple[Zone, ...], Field(strict=False)] = Field(
        default=(), description="Availability zones of the nodes; none: all zones of the VPC"
    )
    disk: Memory = Field(default="100Gi", description="Size of each node's EBS volume")
    efa: bool = Field(
        default=False,
        description="Attach Elastic Fabric Adapters; pods get their share of them, and huge pages, with their GPUs. "
        "Needs `fixedSize`",
    )
    placement_group: PlacementGroup | None = Field(
        default=None, description="Name of the cluster placement group that the nodes are started in; it must exist"
    )
    usual_nodes: float | None = Field(
        default=None,
        ge=0,
        le=1000,
        description="Nodes that an autoscaled pool has on average over a month, for the estimate of the usual cost; "
        "none: as many as its endpoints and scheduled jobs need",
    )
    expiry: Seconds = Field(default=written("336h"), description="Maximum age of a node; older nodes are replaced")


def ec2_settings(pool: NodePool) -> Ec2Pool:
    """The EC2 settings of a pool on the aws foundation, where each pool has them."""
    if pool.aws is None:
        raise ValueError("a node pool on the aws foundation needs the setting 'aws'")
    return pool.aws


def instance_types_exist(pool: NodePool, aws: AwsFoundation) -> Iterator[Problem]:
    """With a mistyped instance type, jobs would be pending until their timeout."""
    for position, name in enumerate(ec2_settings(pool).instance_types):
        if name not in instance_types():
            yield Problem(f"aws.instanceTypes.{position}", f"'{name}' is not an EC2 instance type; {_nearest(name)}")
        elif not instance_type(name).known:
            message = f"the CPU and GPUs of {name} are not in the catalogue; write a type of a current generation"
            yield Problem(f"aws.instanceTypes.{position}", message)


def instance_types_have_the_resources(pool: NodePool, *, logs: bool) -> Iterator[Problem]:
    """Each type has at least the declared CPU and memory, which jobs are checked against."""
    for position, name, machine in _known(pool):
        path = f"aws.instanceTypes.{position}"
        if machine.arch != "x86_64":
            message = f"{name} has the architecture {machine.arch}, but images are built for amd64; write another type"
            yield Problem(path, message)
        cpu = allocatable_cpu(machine, logs=logs)
        memory = allocatable_memory(machine, efa=ec2_settings(pool).efa, logs=logs)
        if cpu_millis(pool.instance.cpu) > cpu:
            declared = f"less than instance.cpu ({pool.instance.cpu})"
            message = f"{name} has {cpu}m CPU allocatable to pods, {declared}; lower it, or write a larger type"
            yield Problem(path, message)
        if memory_bytes(pool.instance.memory) > memory * 2**20:
            declared = f"less than instance.memory ({pool.instance.memory})"
            message = f"{name} has {memory}Mi allocatable to pods, {declared}; lower it, or write a larger type"
            yield Problem(path, message)


def instance_types_have_the_gpus(pool: NodePool, aws: AwsFoundation) -> Iterator[Problem]:
    """Each type has the declared GPUs. Nodes with undeclared GPUs would have no taint that keeps other pods away."""
    for position, name, machine in _known(pool):
        path = f"aws.instanceTypes.{position}"
        actual = f"{machine.gpus} x {machine.gpu}"
        if pool.gpu is None and machine.gpus:
            yield Problem(path, f"{name} has GPUs ({actual}); declare them in 'gpu', or write a type without GPUs")
        elif pool.gpu is not None and not machine.gpus:
            yield Problem(path, f"{name} has no GPU; write a type with {pool.gpu.model}, or remove 'gpu'")
        elif pool.gpu is not None and (pool.gpu.count != machine.gpus or not _is_model(machine.gpu, pool.gpu.model)):
            declared = f"{pool.gpu.count} x {pool.gpu.model}"
            yield Problem(path, f"{name} has {actual}, not {declared}; correct 'gpu', or write another type")


def zones_are_in_the_vpc(pool: NodePool, aws: AwsFoundation) -> Iterator[Problem]:
    """The VPC has subnets in its own zones only."""
    for position, zone in enumerate(ec2_settings(pool).zones):
        if zone not in aws.network.zones:
            message = f"'{zone}' is not a zone of the VPC; write zones out of {', '.join(aws.network.zones)}"
            yield Problem(f"aws.zones.{position}", message)


def capacity_types_fit_together(pool: NodePool, aws: AwsFoundation) -> Iterator[Problem]:
    """Reserved capacity needs a reservation, which is of one type, and its zone."""
    settings = ec2_settings(pool)
    kinds = set(settings.capacity)
    reserved = sorted(kinds & RESERVED_CAPACITY)
    if kinds >= RESERVED_CAPACITY:
        yield Problem("aws.capacity", "a reservation is either reserved or a capacityBlock; write one of them")
    if reserved and settings.reservation is None:
        message = f"missing for {'/'.join(reserved)}; write the reservation's id, such as cr-0123456789abcdef0"
        yield Problem("aws.reservation", message)
    if settings.reservation is not None and not reserved:
        message = f"not used by capacity [{', '.join(settings.capacity)}]; write capacity: [reserved], or remove it"
        yield Problem("aws.reservation", message)
    if reserved and len(settings.zones) != 1:
        yield Problem("aws.zones", "a capacity reservation is in one zone; write that zone")


def size_fits_the_pool(pool: NodePool, aws: AwsFoundation) -> Iterator[Problem]:
    """A pool of fixed size always has `max` nodes; an autoscaled pool starts without nodes."""
    settings = ec2_settings(pool)
    if settings.fixed_size and pool.min < pool.max:
        yield Problem("min", f"a pool with fixedSize always has 'max' nodes; write min: {pool.max}")
    if not settings.fixed_size and pool.min > 0:
        message = f"an autoscaled pool starts without nodes; write min: 0, or aws.fixedSize: true and min: {pool.max}"
        yield Problem("min", message)
    usual = settings.usual_nodes
    if usual is not None and settings.fixed_size:
        yield Problem("aws.usualNodes", "a pool with fixedSize always has 'max' nodes; remove it")
    elif usual is not None and usual > pool.max:
        yield Problem("aws.usualNodes", f"{usual:g} is more than max ({pool.max}); write at most {pool.max}")


def jobs_end_before_their_nodes(name: str, pool: NodePool, jobs: Mapping[str, int]) -> Iterator[Problem]:
    """A node that is too old lets its jobs end, but EKS Auto Mode gives it 21 days in all. `jobs`: seconds that each
    may take, by the path of its timeout."""
    expiry, latest = f"nodePools.{name}.aws.expiry", "EKS Auto Mode replaces nodes after at most 21 days"
    too_long = [path for path, seconds in jobs.items() if seconds > _LONGEST_JOB]
    for path in too_long:
        most = f"{_LONGEST_JOB // _HOUR}h, and {expiry} of at most {_MAX_NODE_AGE // _HOUR}h less the timeout"
        yield Problem(path, f"{latest}; write at most {most}")
    longest = max(jobs.values(), default=0)
    if ec2_settings(pool).expiry + longest > _MAX_NODE_AGE and not too_long:
        job = f"a job may take {math.ceil(longest / _HOUR)} h, and " if longest else ""
        yield Problem(expiry, f"{job}{latest}; write at most {(_MAX_NODE_AGE - longest) // _HOUR}h")


def placement_groups_are_in_one_zone(pool: NodePool, aws: AwsFoundation) -> Iterator[Problem]:
    """The first instance decides a cluster placement group's zone; those in other zones would fail."""
    settings = ec2_settings(pool)
    if settings.placement_group is not None and len(settings.zones) != 1:
        yield Problem("aws.zones", "a cluster placement group is in one zone; write that zone")


def efa_is_possible(pool: NodePool, aws: AwsFoundation) -> Iterator[Problem]:
    """EFA connects instances of one type in one zone, and pods get it with their GPUs.

    Karpenter starts no node for a pod that requests huge pages, so the nodes must be there.
    """
    settings = ec2_settings(pool)
    if not settings.efa:
        return
    if not settings.fixed_size:
        yield Problem("aws.efa", "EFA needs a pool of fixed size; write fixedSize: true")
    if pool.gpu is None:
        yield Problem("aws.efa", "pods get EFA with their GPUs; declare 'gpu', or write efa: false")
    if len(settings.instance_types) != 1:
        yield Problem("aws.instanceTypes", "EFA needs instances of one type; write one type")
    if len(settings.zones) != 1:
        yield Problem("aws.zones", "EFA works within one zone; write one zone")
    for position, name, machine in _known(pool):
        if not machine.efa:
            yield Problem(f"aws.instanceTypes.{position}", f"{name} has no EFA; write a type with EFA, or efa: false")


RULES: tuple[Callable[[NodePool, AwsFoundation], Iterator[Problem]], ...] = (
    instance_types_exist,
    instance_types_have_the_gpus,
    zones_are_in_the_vpc,
    capacity_types_fit_together,
    size_fits_the_pool,
    placement_groups_are_in_one_zone,
    efa_is_possible,
)


def broken_pool_rules(name: str, pool: NodePool, aws: AwsFoundation, *, logs: bool) -> Iterator[Problem]:
    """All problems of one pool."""
    if name in _TAKEN:
        yield Problem(
            f"nodePools.{name}", f"'{name}' is a node pool of EKS Auto Mode or of the platform; write another name"
        )
    if pool.aws is None:
        message = "missing setting 'aws'; write aws: {instanceTypes: [g5.2xlarge]} with the EC2 instance types"
        yield Problem(f"nodePools.{name}", message)
        return
    found = itertools.chain.from_iterable(rule(pool, aws) for rule in RULES)
    for problem in (*found, *instance_types_have_the_resources(pool, logs=logs)):
        yield Problem(f"nodePools.{name}.{problem.path}", problem.message)


def _known(pool: NodePool) -> Iterator[tuple[int, str, InstanceType]]:
    """The pool's instance types that the catalogue describes, with their positions."""
    for position, name in enumerate(ec2_settings(pool).instance_types):
        if name in instance_types() and instance_type(name).known:
            yield position, name, instance_type(name)


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name, instance_types(), n=1)
    return f"did you mean '{near[0]}'?" if near else "write one such as g5.2xlarge"


def _is_model(gpu: str, label: str) -> bool:
    """Whether a label such as NVIDIA-A100-SXM4-80GB is of an A100."""
    return all(word in re.split(r"[-_.]", label) for word in gpu.split())

"""Rules of one node pool whose nodes are EC2 instances."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator

from infra.catalogue.aws.instance_types import InstanceType, instance_type, instance_types
from infra.declaration.aws.settings import AwsFoundation
from infra.declaration.pools import NodePool
from infra.declaration.problems import Problem
from infra.declaration.types import cpu_millis, memory_bytes

_LONGEST_LIFE = 21 * 24 * 3600
_SYSTEM_CPU_MILLIS, _MEMORY_FOR_PODS = 500, 0.9
"""What a node keeps for itself and its daemons, and the share of its memory that is left."""
_TAKEN_DOMAINS = ("kubernetes.io", "k8s.io", "karpenter.sh", "karpenter.k8s.aws", "eks.amazonaws.com")
_RESERVED = {"reserved", "capacityBlock"}


def types_exist(pool: NodePool, aws: AwsFoundation) -> Iterator[Problem]:
    """A mistyped one would leave jobs waiting for ever."""
    if not pool.instance.types:
        yield Problem("instance", "missing setting 'types'; write EC2 instance types such as [g5.2xlarge]")
    for position, name in enumerate(pool.instance.types):
        if name not in instance_types():
            yield Problem(f"instance.types.{position}", f"'{name}' is no EC2 instance type; {_meant(name)}")
        elif not instance_type(name).known:
            words = f"nothing but its name is known of {name}, neither CPU nor GPUs; write a current type"
            yield Problem(f"instance.types.{position}", words)


def labels_are_the_teams_own(pool: NodePool, aws: AwsFoundation) -> Iterator[Problem]:
    """Those of the cluster's parts are set by them; Karpenter takes no pool that names one."""
    for key in pool.labels:
        domain = key.rpartition("/")[0]
        if domain and any(domain == taken or domain.endswith(f".{taken}") for taken in _TAKEN_DOMAINS):
            yield Problem(f"labels.{key}", f"'{domain}' belongs to the cluster; write a domain of your own, or none")


def types_have_what_is_declared(pool: NodePool, aws: AwsFoundation) -> Iterator[Problem]:
    """Jobs are checked against the declaration, so each type must keep its promise."""
    for position, name, machine in _described(pool):
        path = f"instance.types.{position}"
        if machine.arch != "x86_64":
            yield Problem(
                path, f"{name} is an {machine.arch} machine and images are built for amd64; write another type"
            )
        cpu, memory = machine.cpu * 1000 - _SYSTEM_CPU_MILLIS, int(machine.memory * _MEMORY_FOR_PODS)
        if cpu_millis(pool.instance.cpu) > cpu:
            words = f"{name} leaves {cpu}m CPU to pods, less than instance.cpu ({pool.instance.cpu}); write less"
            yield Problem(path, words)
        if memory_bytes(pool.instance.memory) > memory * 2**20:
            words = f"{name} leaves {memory}Mi to pods, less than instance.memory ({pool.instance.memory}); write less"
            yield Problem(path, words)


def gpus_are_really_there(pool: NodePool, aws: AwsFoundation) -> Iterator[Problem]:
    """Neither a GPU pool without GPUs nor GPUs that nobody declared, and so nobody keeps other pods away from."""
    for position, name, machine in _described(pool):
        path = f"instance.types.{position}"
        real = f"{machine.gpus} x {machine.gpu}"
        if pool.gpu is None and machine.gpus:
            yield Problem(path, f"{name} has GPUs ({real}); declare them with 'gpu' or write a type without")
        elif pool.gpu is not None and not machine.gpus:
            yield Problem(path, f"{name} has no GPU; write a type with {pool.gpu.model}, or leave 'gpu' out")
        elif pool.gpu is not None and (pool.gpu.count != machine.gpus or not _is_called(machine.gpu, pool.gpu.model)):
            yield Problem(path, f"{name} has {real}, not {pool.gpu.count} x {pool.gpu.model}; write what it has")


def zones_are_in_the_network(pool: NodePool, aws: AwsFoundation) -> Iterator[Problem]:
    """Nodes need a subnet."""
    for position, zone in enumerate(pool.zones):
        if zone not in aws.network.zones:
            words = f"'{zone}' is not a zone of the network; write some of {', '.join(aws.network.zones)}"
            yield Problem(f"zones.{position}", words)


def capacity_makes_sense(pool: NodePool, aws: AwsFoundation) -> Iterator[Problem]:
    """What was reserved is named, and only that."""
    kinds = set(pool.capacity)
    if "capacityBlock" in kinds and "spot" in kinds:
        yield Problem("capacity", "spot and capacityBlock exclude each other: a block is paid in advance; write one")
    elif "capacityBlock" in kinds and len(kinds) > 1:
        yield Problem("capacity", "a capacity block stands alone; write [capacityBlock], or leave it out")
    if "capacityBlock" in kinds and not pool.managed:
        yield Problem("managed", "a capacity block has a fixed size; write managed: true")
    if kinds & _RESERVED and pool.reservation is None:
        yield Problem(
            "reservation",
            f"missing for {'/'.join(sorted(kinds & _RESERVED))}; write its id, such as cr-0123456789abcdef0",
        )
    if pool.reservation is not None and not kinds & _RESERVED:
        yield Problem("reservation", "is never used; write capacity: [reserved], or leave it out")
    if kinds & _RESERVED and len(pool.zones) != 1:
        yield Problem("zones", "a reservation lies in one zone; write that one")


def size_can_be_held(pool: NodePool, aws: AwsFoundation) -> Iterator[Problem]:
    """A managed group keeps its size; all others begin at nothing and grow with the jobs."""
    if pool.managed and pool.min < pool.max:
        yield Problem("min", f"a managed pool has a fixed size; write min: {pool.max}, or leave 'managed' out")
    if not pool.managed and pool.min > 0:
        yield Problem("min", f"nodes come with the jobs; write min: 0, or managed: true with min: {pool.max}")
    if pool.managed and len(set(pool.capacity)) > 1 and "capacityBlock" not in pool.capacity:
        yield Problem("capacity", "a managed pool has one kind of capacity; write one")
    if not pool.managed and pool.expiry > _LONGEST_LIFE:
        yield Problem("expiry", "EKS keeps no node longer than 21 days; write at most 504h")


def efa_is_possible(pool: NodePool, aws: AwsFoundation) -> Iterator[Problem]:
    """EFA joins machines of one type in one zone."""
    if not pool.efa:
        return
    if not pool.managed:
        yield Problem("efa", "only managed pools have it; write managed: true")
    if len(pool.instance.types) != 1:
        yield Problem("instance.types", "EFA needs one type of machine; write one")
    if len(pool.zones) != 1:
        yield Problem("zones", "EFA works inside one zone; write one")
    for position, name, machine in _described(pool):
        if not machine.efa:
            yield Problem(f"instance.types.{position}", f"{name} has no EFA; write a type that has, or efa: false")


RULES: tuple[Callable[[NodePool, AwsFoundation], Iterator[Problem]], ...] = (
    types_exist,
    labels_are_the_teams_own,
    types_have_what_is_declared,
    gpus_are_really_there,
    zones_are_in_the_network,
    capacity_makes_sense,
    size_can_be_held,
    efa_is_possible,
)


def broken_pool_rules(pool: NodePool, aws: AwsFoundation) -> Iterator[Problem]:
    """All that is wrong with one pool."""
    return (problem for rule in RULES for problem in rule(pool, aws))


def _described(pool: NodePool) -> Iterator[tuple[int, str, InstanceType]]:
    """The pool's types of which more than the name is known."""
    for position, name in enumerate(pool.instance.types):
        if name in instance_types() and instance_type(name).known:
            yield position, name, instance_type(name)


def _meant(name: str) -> str:
    near = difflib.get_close_matches(name, instance_types(), n=1)
    return f"did you mean '{near[0]}'?" if near else "write one such as g5.2xlarge"


def _is_called(gpu: str, label: str) -> bool:
    """Whether a label such as NVIDIA-A100-SXM4-80GB speaks of an A100."""
    return all(word in re.split(r"[-_.]", label) for word in gpu.split())

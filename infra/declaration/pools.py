"""Node pools on any foundation, and the rules for them and the jobs that they run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from infra.declaration.aws.pools import Ec2Pool
from infra.declaration.problems import Problem
from infra.declaration.types import (
    Cpu,
    LabelKey,
    LabelValue,
    Memory,
    Name,
    NonEmpty,
    Settings,
    Taint,
    cpu_millis,
    memory_bytes,
)

if TYPE_CHECKING:
    from infra.declaration.model import Platform
    from infra.workloads.kind import Request


class Instance(Settings):
    """The resources of one node."""

    cpu: Cpu = Field(description="Cores that are allocatable to pods")
    memory: Memory = Field(description="Memory that is allocatable to pods")


class Gpu(Settings):
    """The GPUs of one node."""

    model: LabelValue = Field(description="Product name as in NVIDIA's GPU feature discovery, such as NVIDIA-A10G")
    count: int = Field(default=1, ge=1, le=16, description="GPUs per node")
    check_image: Name | None = Field(
        default=None,
        description="The image that `make gpu-check` runs on each node, a name in `images`: images/torch, or one with "
        "its module gpu_check; none: the pool's GPUs are not checked. Refused on the local foundation",
    )


class NodePool(Settings):
    """Nodes of one kind, for workloads that name the pool."""

    instance: Instance = Field(description="Resources of one node")
    gpu: Gpu | None = Field(default=None, description="GPUs of one node; none: the nodes have no GPU")
    taints: Annotated[tuple[Taint, ...], Field(strict=False)] = Field(
        default=(), description="Taints as key=value:Effect; the pool's workloads tolerate them"
    )
    labels: dict[LabelKey, LabelValue] = Field(
        default={}, description="Labels of each node; on the cluster foundation they select existing nodes"
    )
    min: int = Field(
        default=0, ge=0, le=1000, description="Minimum number of nodes, on AWS: 0, or `max` in a pool of fixed size"
    )
    max: int = Field(
        default=1, ge=1, le=1000, description="Maximum number of nodes; on the cluster foundation how many there are"
    )
    runtime_class_name: NonEmpty | None = Field(
        default=None,
        description="RuntimeClass of the pool's pods, such as nvidia, on the cluster foundation; refused on others",
    )
    device_plugin: bool = Field(
        default=False,
        description="Whether the platform installs NVIDIA's device plugin on the nodes, on the cluster foundation; "
        "false: they have one",
    )
    aws: Ec2Pool | None = Field(
        default=None, description="EC2 settings: required on the aws foundation, and refused on others"
    )


def most_gpus(pools: Mapping[str, NodePool]) -> int:
    """GPUs of all pools at their maximum size, including simulated ones."""
    return sum(pool.max * pool.gpu.count for pool in pools.values() if pool.gpu)


def pool_sizes_are_in_order(platform: Platform, root: Path) -> Iterator[Problem]:
    """The maximum is not below the minimum, where pools have one."""
    for name, pool in platform.node_pools.items() if platform.foundation.aws else ():
        if pool.max < pool.min:
            yield Problem(f"nodePools.{name}.max", f"{pool.max} is below min ({pool.min}); write at least {pool.min}")


def ec2_settings_are_on_aws(platform: Platform, root: Path) -> Iterator[Problem]:
    """Other foundations would ignore them."""
    for name, pool in platform.node_pools.items():
        if pool.aws is not None and platform.foundation.aws is None:
            message = "only the aws foundation has EC2 instances; remove 'aws', or declare foundation.aws"
            yield Problem(f"nodePools.{name}.aws", message)


def pool_settings_have_an_effect(platform: Platform, root: Path) -> Iterator[Problem]:
    """What the foundation would ignore is refused."""
    foundation = platform.foundation
    for name, pool in platform.node_pools.items():
        if pool.device_plugin and foundation.cluster is None:
            message = "only the cluster foundation asks for it; remove it"
            yield Problem(f"nodePools.{name}.devicePlugin", message)
        elif pool.device_plugin and pool.gpu is None:
            yield Problem(f"nodePools.{name}.devicePlugin", "the pool has no GPUs; declare 'gpu', or remove it")
        if pool.min and foundation.simulates_pools:
            yield Problem(f"nodePools.{name}.min", "there are always 'max' simulated nodes; remove it")
        if pool.runtime_class_name is not None and foundation.simulates_pools:
            message = "pods are never executed on simulated nodes; remove it"
            yield Problem(f"nodePools.{name}.runtimeClassName", message)
        if pool.runtime_class_name is not None and foundation.aws is not None:
            message = "the nodes of EKS need none for GPUs, and have none; remove it"
            yield Problem(f"nodePools.{name}.runtimeClassName", message)
        if pool.gpu is not None and pool.gpu.check_image is not None and foundation.simulates_pools:
            message = "simulated GPUs can't be checked; remove it"
            yield Problem(f"nodePools.{name}.gpu.checkImage", message)


def jobs_fit_their_nodes(platform: Platform, root: Path) -> Iterator[Problem]:
    """A pod that fits no node would be pending forever."""
    for kind, name, workload in platform.workloads():
        path, asked = f"{kind.section}.{name}", kind.request(workload)
        if asked.pool is not None:
            pool = platform.node_pools[asked.pool]
            pods = kind.pods(workload) if kind.pods else asked.pods
            yield from _fits(path, asked, asked.pool, pool)
            yield from _fit_together(f"{path}.{kind.scale}", pods, asked, asked.pool, pool)
        elif asked.gpus:
            yield Problem(f"{path}.gpus", "only node pools have GPUs; write 'pool' with the name of one")


def _fits(path: str, asked: Request, name: str, pool: NodePool) -> Iterator[Problem]:
    cpu, memory, gpus = asked.resources.cpu, asked.resources.memory, pool.gpu.count if pool.gpu else 0
    node = f"a node of pool '{name}' has"
    if cpu_millis(cpu) > cpu_millis(pool.instance.cpu):
        most = pool.instance.cpu
        yield Problem(f"{path}.resources.cpu", f"{cpu} is more than {node} ({most}); write at most {most}")
    if memory_bytes(memory) > memory_bytes(pool.instance.memory):
        most = pool.instance.memory
        yield Problem(f"{path}.resources.memory", f"{memory} is more than {node} ({most}); write at most {most}")
    if asked.gpus > gpus:
        message = f"{asked.gpus} is more than {node} ({gpus}); write at most {gpus}, or another pool"
        yield Problem(f"{path}.gpus", message)


def _fit_together(path: str, pods: int, asked: Request, name: str, pool: NodePool) -> Iterator[Problem]:
    """Of a workload, whose own setting asks for `pods`. Of the pods that a rollout adds, one is enough to go on."""
    room = pool.max * _pods_on_a_node(asked, pool)
    surge = 1 if asked.pods > pods else 0
    if 0 < room < pods + surge:
        setting = path.rpartition(".")[2]
        what = f"{pods} {setting if pods > 1 else setting.removesuffix('s')}"
        more = ", and 1 more pod during a rollout," if surge else ""
        message = f"{what}{more} do not fit in pool '{name}' at its maximum, which has room for {room}"
        ways = [f"fewer {setting}"] * (pods > 1) + ["maxSurge: 0"] * (pods <= room)
        yield Problem(path, f"{message}; raise nodePools.{name}.max, or write {', or '.join(ways)}")


def _pods_on_a_node(asked: Request, pool: NodePool) -> int:
    there, each = pool.instance, asked.resources
    fit = [cpu_millis(there.cpu) // cpu_millis(each.cpu), memory_bytes(there.memory) // memory_bytes(each.memory)]
    gpus = pool.gpu.count if pool.gpu else 0
    return min(*fit, gpus // asked.gpus) if asked.gpus else min(fit)


POOL_RULES = (
    pool_sizes_are_in_order,
    ec2_settings_are_on_aws,
    pool_settings_have_an_effect,
    jobs_fit_their_nodes,
)

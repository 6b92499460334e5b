"""Node pools: the resources of one node, the number of nodes, and their capacity type."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from infra.declaration.aws.types import Reservation, Zone
from infra.declaration.settings import Settings
from infra.declaration.types import Cpu, LabelKey, LabelValue, Memory, Seconds, Taint, written

Capacity = Literal["onDemand", "spot", "reserved", "capacityBlock"]


class Instance(Settings):
    """The resources of one node."""

    cpu: Cpu = Field(description="Cores that are allocatable to pods")
    memory: Memory = Field(description="Memory that is allocatable to pods")
    types: Annotated[tuple[str, ...], Field(strict=False)] = Field(
        default=(), description="EC2 instance types; a node may be any of them. AWS only"
    )


class Gpu(Settings):
    """The GPUs of one node."""

    model: LabelValue = Field(description="Product name as in NVIDIA's GPU feature discovery, such as NVIDIA-A10G")
    count: int = Field(default=1, ge=1, le=16, description="GPUs per node")


class NodePool(Settings):
    """Nodes of one kind, for training jobs. Pools scale with the jobs, unless they are `managed`."""

    instance: Instance = Field(description="Resources of one node")
    gpu: Gpu | None = Field(default=None, description="GPUs of one node; none: the nodes have no GPU")
    taints: Annotated[tuple[Taint, ...], Field(strict=False)] = Field(
        default=(), description="Taints as key=value:Effect; the pool's jobs tolerate them"
    )
    labels: dict[LabelKey, LabelValue] = Field(default={}, description="Labels of each node")
    min: int = Field(default=0, ge=0, le=1000, description="Minimum nodes; must equal `max` for managed pools")
    max: int = Field(default=1, ge=1, le=1000, description="Maximum nodes")
    managed: bool = Field(
        default=False, description="A managed node group of fixed size instead of an autoscaled pool. AWS only"
    )
    capacity: Annotated[tuple[Capacity, ...], Field(strict=False, min_length=1)] = Field(
        default=("onDemand",), description="Capacity types in use; the cheapest available one is chosen. AWS only"
    )
    reservation: Reservation | None = Field(default=None, description="Id of the capacity reservation. AWS only")
    zones: Annotated[tuple[Zone, ...], Field(strict=False)] = Field(
        default=(), description="Availability zones of the nodes; none: all zones of the network. AWS only"
    )
    disk: Memory = Field(default="100Gi", description="Size of each node's disk. AWS only")
    efa: bool = Field(
        default=False, description="Attach Elastic Fabric Adapter interfaces for multi-node training. AWS only"
    )
    expiry: Seconds = Field(
        default=written("336h"), description="Maximum age of a node before it is replaced. AWS only"
    )

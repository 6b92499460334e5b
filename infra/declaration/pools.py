"""Node pools: what one node offers, how many there may be, and how the place comes by them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from infra.declaration.aws.types import Reservation, Zone
from infra.declaration.settings import Settings
from infra.declaration.types import Cpu, LabelKey, LabelValue, Memory, Seconds, Taint, written

Capacity = Literal["onDemand", "spot", "reserved", "capacityBlock"]


class Instance(Settings):
    """What pods can count on in one node of a pool, and the machines that have it."""

    cpu: Cpu = Field(description="Cores that are left for pods; a machine has some more")
    memory: Memory = Field(description="What is left for pods; a machine has some more")
    types: Annotated[tuple[str, ...], Field(strict=False)] = Field(
        default=(), description="Types of virtual machines, where nodes are such; any of them will do"
    )


class Gpu(Settings):
    """The GPUs of one node."""

    model: LabelValue = Field(description="As NVIDIA's feature discovery labels it, such as NVIDIA-A10G")
    count: int = Field(default=1, ge=1, le=16, description="In each node")


class NodePool(Settings):
    """Nodes of one kind, for training. Those that are rented come and go with the jobs, unless they are `managed`."""

    instance: Instance = Field(description="One node")
    gpu: Gpu | None = Field(default=None, description="The GPUs of one node; none: it has no GPU")
    taints: Annotated[tuple[Taint, ...], Field(strict=False)] = Field(
        default=(), description="Each key=value:Effect; the pool's jobs tolerate them, other pods stay away"
    )
    labels: dict[LabelKey, LabelValue] = Field(default={}, description="Labels that each node carries")
    min: int = Field(default=0, ge=0, le=1000, description="The fewest nodes; a managed pool has as many as at most")
    max: int = Field(default=1, ge=1, le=1000, description="The most nodes that the pool may have")
    managed: bool = Field(default=False, description="A node group of fixed size, rather than nodes that come and go")
    capacity: Annotated[tuple[Capacity, ...], Field(strict=False, min_length=1)] = Field(
        default=("onDemand",), description="How nodes are paid for; of several kinds the cheapest that there is"
    )
    reservation: Reservation | None = Field(default=None, description="The id of what was reserved")
    zones: Annotated[tuple[Zone, ...], Field(strict=False)] = Field(
        default=(), description="Where nodes may be; none: in any of the network's zones"
    )
    disk: Memory = Field(default="100Gi", description="The size of each node's disk")
    efa: bool = Field(default=False, description="The network that lets GPUs of several nodes work together")
    expiry: Seconds = Field(
        default=written("336h"), description="How old a node may become before another takes its place"
    )

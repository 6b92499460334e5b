"""What a platform team can ask for: every setting, its default, its type.

Defaults stand here and nowhere else. Settings are written in camelCase, as everywhere in Kubernetes' world.
What spans several settings (references, capacities) is in `references` and `rules`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from infra.declaration.units import Cpu, LabelKey, LabelValue, Memory, Name, Seconds, ShortName, Taint


class Settings(BaseModel):
    """Strict on purpose: a mistyped key or a number in quotes is an error, never a silent default."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=to_camel, validate_default=True)


class LocalFoundation(Settings):
    """One machine: a registry in its Docker engine, a Kubernetes cluster that a kube context names."""

    kube_context: str = Field(default="ml-platform", description="The context in the kubeconfig that names the cluster")
    registry_port: int = Field(default=5000, ge=1, le=65535, description="The registry's port, on loopback only")
    base_image: str = Field(
        default="ml-platform/python:local", description="What the base image is built from: any Debian with Python"
    )
    storage_class: str | None = Field(default=None, description="For volumes; without it the cluster's default class")


class Foundation(Settings):
    """The place that the platform stands on: exactly one."""

    local: LocalFoundation

    @property
    def simulates_pools(self) -> bool:
        """Whether pods in node pools only look as if they ran."""
        return True


class Image(Settings):
    """An image that workloads name; built from a folder, on top of the platform's base image."""

    context: str | None = Field(default=None, description="The folder with the Dockerfile; by default images/<name>")
    args: dict[str, str] = Field(default={}, description="Build arguments")


class Instance(Settings):
    """What one node of a pool offers."""

    cpu: Cpu
    memory: Memory


class Gpu(Settings):
    """The GPUs of one node."""

    model: LabelValue = Field(description="As NVIDIA's feature discovery labels it, such as NVIDIA-A10G")
    count: int = Field(default=1, ge=1, le=16)


class NodePool(Settings):
    """Nodes of one kind, for training."""

    instance: Instance
    gpu: Gpu | None = None
    taints: Annotated[tuple[Taint, ...], Field(strict=False)] = ()
    labels: dict[LabelKey, LabelValue] = {}
    max: int = Field(default=1, ge=1, le=1000, description="The most nodes that the pool may have")


class Team(Settings):
    """People who share a namespace of the same name."""


class Model(Settings):
    """A name in the model registry and the team that owns it."""

    team: Name


class Resources(Settings):
    """What one pod asks for. Its memory is also its limit; it may use idle CPU up to one core, or what it asks for."""

    cpu: Cpu = "250m"
    memory: Memory = "512Mi"


class Training(Settings):
    """A job that trains a model once for each change of its image, arguments or resources."""

    team: Name
    image: Name
    model: Name
    args: Annotated[tuple[str, ...], Field(strict=False)] = ()
    resources: Resources = Resources(cpu="500m", memory="1Gi")
    pool: ShortName | None = Field(default=None, description="The node pool to run in; needed for GPUs")
    gpus: int = Field(default=0, ge=0)
    timeout: Seconds = Field(default="3m", description="Retries included")  # type: ignore[assignment]
    retries: int = Field(default=1, ge=0, le=10)


class Serving(Settings):
    """An endpoint that answers with the champion version of a model."""

    team: Name
    image: Name
    model: Name
    replicas: int = Field(default=2, ge=1, le=100)
    resources: Resources = Resources()
    timeout: Seconds = Field(default="3m", description="For a rollout to be complete")  # type: ignore[assignment]


class Tracking(Settings):
    """The server that keeps experiments and models."""

    storage: Memory = Field(default="2Gi", description="The size of its volume")
    resources: Resources = Resources(memory="1Gi")
    timeout: Seconds = Field(default="3m")  # type: ignore[assignment]


class Platform(Settings):
    """The whole platform."""

    foundation: Foundation
    namespace: Name = Field(default="ml-platform", description="The platform's own namespace")
    protect_data: bool = Field(default=True, description="Whether what holds data can't be destroyed")
    images: dict[Name, Image] = {}
    node_pools: dict[ShortName, NodePool] = {}
    teams: dict[Name, Team] = {}
    models: dict[Name, Model] = {}
    training: dict[ShortName, Training] = {}
    serving: dict[Name, Serving] = {}
    tracking: Tracking = Tracking()

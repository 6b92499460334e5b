"""What a platform team can ask for: every setting, its default, its type.

Types, defaults and meanings stand in this folder's models and nowhere else; `docs/settings.md` is made from them.
Settings are written in camelCase, as everywhere in Kubernetes' world. Where the platform stands is in `places`, its
nodes in `pools`, who uses it in `teams`, what is watched in `monitoring`; what spans several settings in
`references` and `rules`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from infra.catalogue.names import PROJECT
from infra.declaration.foundations import Foundation
from infra.declaration.limits import Limits
from infra.declaration.monitoring import Monitoring
from infra.declaration.policy import Policy
from infra.declaration.pools import NodePool
from infra.declaration.secrets import Secret
from infra.declaration.settings import Settings
from infra.declaration.teams import Team
from infra.declaration.types import Cpu, Memory, Name, Seconds, ShortName, written


class Image(Settings):
    """An image that workloads name; built from a folder, on top of the platform's base image."""

    context: str | None = Field(default=None, description="The folder with the Dockerfile; by default images/<name>")
    args: dict[str, str] = Field(default={}, description="Build arguments of the Dockerfile, by name")


class Model(Settings):
    """A name in the model registry and the team that owns it."""

    team: Name = Field(description="The team that answers for it; only its jobs train it")


class Resources(Settings):
    """What one pod asks for. Its memory is also its limit; it may use idle CPU up to one core, or what it asks for."""

    cpu: Cpu = Field(default="250m", description="Cores")
    memory: Memory = Field(default="512Mi", description="A container that takes more is ended")


SecretNames = Annotated[tuple[Name, ...], Field(strict=False)]


class Training(Settings):
    """A job that trains a model once for each change of its image, arguments or resources."""

    team: Name = Field(description="The team in whose namespace it runs")
    image: Name = Field(description="The declared image that it runs")
    model: Name = Field(description="The declared model that it registers versions of")
    args: Annotated[tuple[str, ...], Field(strict=False)] = Field(
        default=(), description="Arguments of the image's entry point"
    )
    resources: Resources = Field(default=Resources(cpu="500m", memory="1Gi"), description="Of its one pod")
    pool: ShortName | None = Field(default=None, description="The node pool to run in; needed for GPUs")
    gpus: int = Field(default=0, ge=0, description="Whole GPUs of its one pod, all on one node")
    secrets: SecretNames = Field(default=(), description="Those that it reads, each from /var/run/secrets/<name>/value")
    timeout: Seconds = Field(
        default=written("3m"), description="When it is given up; waiting for a node and retries included"
    )
    retries: int = Field(default=1, ge=0, le=10, description="How often a pod that failed is followed by another")


class Serving(Settings):
    """An endpoint that answers with the champion version of a model."""

    team: Name = Field(description="The team in whose namespace it runs")
    image: Name = Field(description="The declared image that it runs")
    model: Name = Field(description="The declared model whose champion it serves")
    replicas: int = Field(default=2, ge=1, le=100, description="Pods that answer; one more while they are replaced")
    resources: Resources = Field(default=Resources(), description="Of each pod")
    secrets: SecretNames = Field(default=(), description="Those that it reads, each from /var/run/secrets/<name>/value")
    api_key: Name | None = Field(
        default=None, description="The generated secret that callers must send as a bearer token"
    )
    timeout: Seconds = Field(default=written("3m"), description="For a rollout to be complete")


class Tracking(Settings):
    """The server that keeps experiments and models."""

    storage: Memory = Field(default="2Gi", description="The size of its volume")
    resources: Resources = Field(default=Resources(memory="1Gi"), description="Of its one pod")
    timeout: Seconds = Field(default=written("3m"), description="For a rollout to be complete")


class Platform(Settings):
    """The whole platform."""

    foundation: Foundation = Field(description="The place that it stands on")
    namespace: Name = Field(default=PROJECT, description="The platform's own namespace")
    protect_data: bool = Field(default=True, description="Whether what holds data can't be destroyed")
    images: dict[Name, Image] = Field(default={}, description="Images that workloads run, by name")
    node_pools: dict[ShortName, NodePool] = Field(default={}, description="Nodes for training, by the pool's name")
    teams: dict[Name, Team] = Field(default={}, description="Teams by name; each has a namespace called so")
    models: dict[Name, Model] = Field(default={}, description="Models by their name in the registry")
    secrets: dict[ShortName, Secret] = Field(default={}, description="Secrets by name, without their values")
    rotations: dict[Name, Annotated[int, Field(ge=0)]] = Field(
        default={}, description="How often each generated secret was renewed; `make rotate` counts here"
    )
    training: dict[ShortName, Training] = Field(default={}, description="Training jobs by name")
    serving: dict[Name, Serving] = Field(default={}, description="Endpoints by name, which is their Service's")
    tracking: Tracking = Field(default=Tracking(), description="The server that keeps experiments and models")
    limits: Limits = Field(default=Limits(), description="Ceilings on all node pools together")
    policy: Policy = Field(default=Policy(), description="Exceptions from the rules about pods")
    monitoring: Monitoring | None = Field(
        default=None, description="Metrics, alerts and the status page; without it nothing is watched"
    )

    @property
    def deploys_grafana(self) -> bool:
        """Whether one of the platform's own runs in its namespace."""
        grafana = self.monitoring.grafana if self.monitoring else None
        return grafana is not None and grafana.deployed is not None

    @property
    def grafana_is_elsewhere(self) -> bool:
        """Whether dashboards are put into one that somebody else runs."""
        if self.monitoring is None or self.deploys_grafana:
            return False
        return self.monitoring.grafana is not None or self.foundation.manages_grafana

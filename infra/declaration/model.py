"""The root model of a stack file, and the models of images, models, training jobs and endpoints.

Types, defaults and descriptions are defined in this folder's models only; `docs/settings.md` and the JSON schema are
generated from them. Settings are written in camelCase, as in Kubernetes. Other models: `foundations`, `pools`, `teams`,
`monitoring`; rules that span several settings: `references` and `rules`.
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
    """A container image for workloads, built from a folder on top of the platform's base image."""

    context: str | None = Field(
        default=None, description="Build context: the folder with the Dockerfile; default images/<name>"
    )
    args: dict[str, str] = Field(default={}, description="Build arguments (`ARG`) of the Dockerfile, by name")


class Model(Settings):
    """A registered model and the team that owns it."""

    team: Name = Field(description="The owning team; only its training jobs may register versions")


class Resources(Settings):
    """Resources of one pod. The CPU limit is one core, or the request if that is larger."""

    cpu: Cpu = Field(default="250m", description="CPU request, in cores")
    memory: Memory = Field(default="512Mi", description="Memory request and limit; exceeding it is an OOM kill")


SecretNames = Annotated[tuple[Name, ...], Field(strict=False)]


class Training(Settings):
    """A training job. It runs once, and again whenever its image, arguments or resources change."""

    team: Name = Field(description="The team; the workload runs in its namespace")
    image: Name = Field(description="The image to run, a name in `images`")
    model: Name = Field(description="The model to register versions of, a name in `models`")
    args: Annotated[tuple[str, ...], Field(strict=False)] = Field(
        default=(), description="Arguments of the image's entry point"
    )
    resources: Resources = Field(default=Resources(cpu="500m", memory="1Gi"), description="Resources of its pod")
    pool: ShortName | None = Field(default=None, description="The node pool to run in; required for GPUs")
    gpus: int = Field(default=0, ge=0, description="GPUs of its pod, all on one node")
    secrets: SecretNames = Field(
        default=(), description="Secrets to mount, each as the file /var/run/secrets/<name>/value"
    )
    timeout: Seconds = Field(
        default=written("3m"), description="Deadline of the job, including retries and the time that its pod is pending"
    )
    retries: int = Field(default=1, ge=0, le=10, description="Retries after a failed pod (`backoffLimit`)")


class Serving(Settings):
    """An endpoint that serves the champion version of a model."""

    team: Name = Field(description="The team; the workload runs in its namespace")
    image: Name = Field(description="The image to run, a name in `images`")
    model: Name = Field(description="The model whose champion to serve, a name in `models`")
    replicas: int = Field(default=2, ge=1, le=100, description="Number of pods; a rollout adds one more for a moment")
    resources: Resources = Field(default=Resources(), description="Resources of each pod")
    secrets: SecretNames = Field(
        default=(), description="Secrets to mount, each as the file /var/run/secrets/<name>/value"
    )
    api_key: Name | None = Field(
        default=None, description="The generated secret that callers send as a bearer token; none: no authentication"
    )
    timeout: Seconds = Field(default=written("3m"), description="Timeout of a rollout")


class Tracking(Settings):
    """The MLflow tracking server and model registry."""

    storage: Memory = Field(default="2Gi", description="Size of its volume")
    resources: Resources = Field(default=Resources(memory="1Gi"), description="Resources of its pod")
    timeout: Seconds = Field(default=written("3m"), description="Timeout of a rollout")


class Platform(Settings):
    """The whole platform."""

    foundation: Foundation = Field(description="Where the platform is deployed")
    namespace: Name = Field(default=PROJECT, description="Namespace of the platform's own components")
    protect_data: bool = Field(default=True, description="Protect data stores from `pulumi destroy`")
    images: dict[Name, Image] = Field(default={}, description="Images of workloads, by name")
    node_pools: dict[ShortName, NodePool] = Field(default={}, description="Node pools for training, by name")
    teams: dict[Name, Team] = Field(default={}, description="Teams by name, which is also the name of their namespace")
    models: dict[Name, Model] = Field(default={}, description="Models, by their name in the model registry")
    secrets: dict[ShortName, Secret] = Field(default={}, description="Secrets by name; values are never in this file")
    rotations: dict[Name, Annotated[int, Field(ge=0)]] = Field(
        default={}, description="Number of rotations of each generated secret; incremented by `make rotate`"
    )
    training: dict[ShortName, Training] = Field(default={}, description="Training jobs by name")
    serving: dict[Name, Serving] = Field(
        default={}, description="Endpoints by name, which is also the name of their Service"
    )
    tracking: Tracking = Field(default=Tracking(), description="The MLflow tracking server and model registry")
    limits: Limits = Field(default=Limits(), description="Limits on the total size of all node pools")
    policy: Policy = Field(default=Policy(), description="Exceptions from the pod rules")
    monitoring: Monitoring | None = Field(
        default=None, description="Metrics, alerts and the status page; without it there is no monitoring"
    )

    @property
    def deploys_grafana(self) -> bool:
        """Whether the platform deploys a Grafana in its namespace."""
        grafana = self.monitoring.grafana if self.monitoring else None
        return grafana is not None and grafana.deployed is not None

    @property
    def grafana_is_elsewhere(self) -> bool:
        """Whether dashboards are uploaded to a Grafana that the platform does not deploy."""
        if self.monitoring is None or self.deploys_grafana:
            return False
        return self.monitoring.grafana is not None or self.foundation.manages_grafana

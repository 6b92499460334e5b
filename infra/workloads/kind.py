"""A kind of workload, as the declaration, quotas, secrets and alerts see it.

Each kind has a folder: `settings` has its section of the declaration, its rules and a `Kind`; `component` has what it
creates. `kinds` lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from infra.catalogue.alerts.alert import Alert
from infra.declaration.egress import Egress
from infra.declaration.idle import Idle
from infra.declaration.problems import Problem
from infra.declaration.types import Name, Seconds, Settings, ShortName, written
from infra.declaration.workloads import Resources

if TYPE_CHECKING:
    from infra.declaration.model import Platform

SecretNames = Annotated[tuple[Name, ...], Field(strict=False)]
Rule = Callable[["Platform", Path], Iterator[Problem]]


class Workload(Settings):
    """What every kind declares."""

    team: Name = Field(description="The team; the workload runs in its namespace")
    image: Name = Field(description="The image to run, a name in `images`")
    secrets: SecretNames = Field(
        default=(), description="Secrets to mount, each as the file /var/run/secrets/<name>/value"
    )
    datasets: Annotated[tuple[ShortName, ...], Field(strict=False)] = Field(
        default=(), description="Datasets to read, names in `datasets`; `DATASET_<NAME>` in its pods says where one is"
    )
    egress: Annotated[tuple[Egress, ...], Field(strict=False)] = Field(
        default=(), description="Hosts outside the cluster that its pods may reach; none: no host"
    )

    @property
    def read_datasets(self) -> Sequence[str]:
        """Names of all datasets that its pods read."""
        return self.datasets


class Job(Workload):
    """What every kind declares whose pod runs to its end."""

    args: Annotated[tuple[str, ...], Field(strict=False)] = Field(
        default=(), description="Arguments of the image's entry point"
    )
    resources: Resources = Field(default=Resources(cpu="500m", memory="1Gi"), description="Resources of its pod")
    pool: ShortName | None = Field(default=None, description="The node pool to run in; required for GPUs")
    gpus: int = Field(default=0, ge=0, description="GPUs of its pod, all on one node")
    priority: ShortName | None = Field(
        default=None, description="Its priority in the queue of its team, a name in `queues.priorities`; none: 0"
    )
    timeout: Seconds = Field(
        default=written("1h"), description="Deadline of each attempt, counted from when its pod has a node"
    )
    retries: int = Field(
        default=1,
        ge=0,
        le=10,
        description="Retries after a failed pod (`backoffLimit`); evictions, drains and preemption do not count",
    )
    idle: Idle | None = Field(
        default=None, description="When its GPUs count as idle, and what happens then; none: only GpuIdle fires"
    )


@dataclass(frozen=True)
class Request:
    """The pods that a workload has at most, which are all alike."""

    pods: int
    resources: Resources
    gpus: int = 0
    """Of each pod."""
    pool: str | None = None
    seconds: int | None = None
    """How long each may take; None: without end."""


def one_pod(job: Job) -> Request:
    """What a job asks for at a time."""
    return Request(1, job.resources, job.gpus, job.pool, job.timeout)


@dataclass(frozen=True)
class Kind:
    """`section` is its part of the declaration and the name of its folder, `outputs` that of the stack's outputs."""

    section: str
    outputs: str
    request: Callable[[Any], Request]
    """What one of these workloads asks for, by its settings."""
    references: Mapping[str, str] = field(default_factory=dict)
    """Settings that name an entry of another section, besides those that every kind has."""
    scale: str = ""
    """The setting that says how many pods one of them has; none: each has one."""
    pods: Callable[[Any], int] | None = None
    """How many these are at most, without those of a rollout; None: as many as it asks for."""
    queued: bool = False
    """Whether its pods wait in the queue of their team, where queues are declared."""
    rules: Sequence[Rule] = ()
    alerts: Sequence[Alert] = ()

    @property
    def all_references(self) -> Mapping[str, str]:
        return {"team": "teams", "image": "images", "secrets": "secrets", "datasets": "datasets", **self.references}

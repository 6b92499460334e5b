"""The root model of a stack file.

Types, defaults and descriptions are defined in this folder's models only; `docs/settings.md` and the JSON schema are
generated from them. Settings are written in camelCase, as in Kubernetes. Each subject has one file with its models and
the rules for them; `references` has the names that must be declared, `rules` the list of all rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from infra.catalogue.names import PROJECT
from infra.declaration.budgets import Budget
from infra.declaration.datasets import Dataset
from infra.declaration.foundations import Foundation
from infra.declaration.gateway import Gateway
from infra.declaration.monitoring import Monitoring
from infra.declaration.policy import Limits, Policy
from infra.declaration.pools import NodePool
from infra.declaration.queues import Queues
from infra.declaration.secrets import Secret
from infra.declaration.teams import Team
from infra.declaration.types import Name, Settings, ShortName
from infra.declaration.workloads import Image, Model, Tracking
from infra.workloads.batch.settings import Batch
from infra.workloads.kind import Kind, Workload
from infra.workloads.kinds import KINDS
from infra.workloads.serving.settings import Serving
from infra.workloads.training.settings import Training


class Platform(Settings):
    """The whole platform."""

    foundation: Foundation = Field(description="Where the platform is deployed")
    namespace: Name = Field(default=PROJECT, description="Namespace of the platform's own components")
    protect_data: bool = Field(default=True, description="Protect data stores from `pulumi destroy`")
    images: dict[Name, Image] = Field(default={}, description="Images of workloads, by name")
    node_pools: dict[ShortName, NodePool] = Field(default={}, description="Node pools by name")
    teams: dict[Name, Team] = Field(default={}, description="Teams by name, which is also the name of their namespace")
    models: dict[Name, Model] = Field(default={}, description="Models, by their name in the model registry")
    secrets: dict[ShortName, Secret] = Field(default={}, description="Secrets by name; values are never in this file")
    datasets: dict[ShortName, Dataset] = Field(default={}, description="Data that workloads read, by name")
    rotations: dict[Name, Annotated[int, Field(ge=0, le=1_000_000)]] = Field(
        default={}, description="Number of rotations of each generated secret; incremented by `make rotate`"
    )
    training: dict[ShortName, Training] = Field(default={}, description="Training jobs by name")
    batch: dict[ShortName, Batch] = Field(default={}, description="Batch jobs by name, on a schedule or on demand")
    serving: dict[Name, Serving] = Field(
        default={}, description="Endpoints by name, which is also the name of their Service"
    )
    tracking: Tracking = Field(default=Tracking(), description="The MLflow tracking server and model registry")
    limits: Limits = Field(default=Limits(), description="Limits on the total size of all node pools")
    budget: Budget | None = Field(default=None, description="What the stack may cost; none: no limit")
    policy: Policy = Field(default=Policy(), description="Exceptions from the pod rules")
    gateway: Gateway | None = Field(
        default=None, description="The way in for callers outside the cluster; none: they are inside"
    )
    queues: Queues | None = Field(
        default=None,
        description="Queues of training and batch jobs; none: their pods start at once, or a quota refuses them. "
        "Refused on the cluster foundation",
    )
    monitoring: Monitoring | None = Field(
        default=None, description="Metrics, alerts and the status page; without it there is no monitoring"
    )

    def workloads(self) -> Iterator[tuple[Kind, str, Workload]]:
        """Every workload of every kind, with its name."""
        for kind in KINDS:
            for name, workload in getattr(self, kind.section).items():
                yield kind, name, workload

    def timeouts(self, pool: str) -> dict[str, int]:
        """Seconds that each job in a pool may take, by the path of its timeout."""
        asked = {f"{kind.section}.{name}.timeout": kind.request(each) for kind, name, each in self.workloads()}
        return {path: each.seconds for path, each in asked.items() if each.pool == pool and each.seconds is not None}

    def longest_jobs(self) -> dict[str, int]:
        """Seconds that a job may take, by pool."""
        return {pool: max(timeouts.values()) for pool in self.node_pools if (timeouts := self.timeouts(pool))}

    def dataset_teams(self) -> list[str]:
        """Teams that have datasets as objects."""
        return sorted(self.dataset_prefixes())

    def dataset_prefixes(self) -> dict[str, list[str]]:
        """Prefixes of the datasets that are objects, by team."""
        prefixes: dict[str, list[str]] = {}
        for dataset in self.datasets.values():
            if dataset.objects is not None:
                prefixes.setdefault(dataset.team, []).append(dataset.objects.prefix)
        return {team: sorted(set(below)) for team, below in prefixes.items()}

    @property
    def has_budgets(self) -> bool:
        """Whether the stack or a team may cost only so much."""
        return self.budget is not None or any(team.budget is not None for team in self.teams.values())

    @property
    def collects_logs(self) -> bool:
        """Whether the logs of pods are stored."""
        return self.monitoring is not None and self.monitoring.logs is not None

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

"""What workloads run on, and how one of any kind is created."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import pulumi

from infra.declaration.model import Platform
from infra.foundation import IdentityBinder, Placement, Volume
from infra.images import BuiltImage, Images
from infra.networking.gateway import Listener
from infra.tenancy import Workspace
from infra.tenancy.team_secrets import TeamSecret
from infra.workloads.access import Access, Outside
from infra.workloads.kind import Kind, Workload
from infra.workloads.queue import Queue


@dataclass(frozen=True)
class Runtime:
    """Everything is by name."""

    images: Images
    teams: Mapping[str, Workspace]
    secrets: Mapping[str, TeamSecret]
    pools: Mapping[str, Placement]
    bind_identity: IdentityBinder
    volume: Volume
    """How to claim a volume."""
    outside: Outside
    job_sets: Sequence[pulumi.Resource] = ()
    """What must exist before a JobSet."""
    queues: Mapping[str, Queue] = field(default_factory=dict)
    """By team; empty: no queues are declared."""
    listener: Listener | None = None
    """To which routes attach; None: no gateway is declared."""

    def image(self, workload: Workload) -> BuiltImage:
        return self.images.get(workload.image)

    def workspace(self, workload: Workload) -> Workspace:
        return self.teams[workload.team]

    def queue(self, workload: Workload) -> Queue | None:
        return self.queues.get(workload.team)

    def mounted(self, workload: Workload) -> list[TeamSecret]:
        return [self.secrets[secret] for secret in workload.secrets]

    def access(self, component: str, name: str, workload: Workload) -> Access:
        """What it reaches; `component` is the component label of its pods."""
        return self.outside.access(component, name, workload, self.workspace(workload), self.bind_identity)

    def placement(self, pool: str | None) -> Placement | None:
        return self.pools[pool] if pool else None


Workloads = Mapping[str, Mapping[str, Any]]
"""The components by section and name.

The `output` of each is its part of the stack's outputs: `namespace`, and its object's name as `service`, `job` or
`cron_job`.
"""


def create_workloads(declared: Platform, runtime: Runtime, opts: pulumi.ResourceOptions) -> Workloads:
    """Every declared workload."""
    created: dict[str, dict[str, Any]] = {}
    for kind, name, settings in declared.workloads():
        created.setdefault(kind.section, {})[name] = _create(kind, name, settings, runtime, opts)
    return created


def _create(kind: Kind, name: str, settings: Workload, runtime: Runtime, opts: pulumi.ResourceOptions) -> Any:
    """A kind's folder has its component, which the declaration must not import."""
    return import_module(f"infra.workloads.{kind.section}.component").create(name, settings, runtime, opts)

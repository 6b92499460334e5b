"""Queues of jobs, and sets of jobs that run together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from infra.catalogue.images import JOBSET, KUEUE
from infra.declaration.model import Platform
from infra.declaration.queues import gpu_pools, namespace_quota, shares
from infra.declaration.teams import Team
from infra.foundation import Foundation
from infra.images import Images
from infra.job_sets.controller import JobSets, JobSetsArgs
from infra.job_sets.definition import JobSetDefinition
from infra.namespaces import Namespaces
from infra.platform.options import on_cluster
from infra.queues import LocalQueues, LocalQueuesArgs, Quotas, QuotasArgs
from infra.queues.controller import ControllerArgs, QueueController
from infra.tenancy import Workspace
from infra.workloads.queue import Queue


@dataclass(frozen=True)
class Queues:
    """The controller, and what it admits."""

    foundation: Foundation
    controller: QueueController
    quotas: Quotas

    def of_teams(self, declared: Platform, teams: Mapping[str, Workspace]) -> Mapping[str, Queue]:
        """In which queue the jobs of each team wait."""
        groups = sorted({group for team in declared.teams.values() for _, group in team.groups.named()})
        args = LocalQueuesArgs(declared.namespace, self.controller, teams, groups)
        return LocalQueues("queues-of-teams", args, on_cluster(self.foundation)).by_team


def create_queues(
    declared: Platform,
    foundation: Foundation,
    images: Images,
    namespaces: Namespaces,
    job_sets: JobSetDefinition | None,
) -> Queues | None:
    """Where queues are declared: their controller and the quotas of teams."""
    if declared.queues is None:
        return None
    pools = {name: foundation.pools[name] for name in gpu_pools(declared)}
    # No quota has them: what pods get with GPUs is on their node, and GPUs are counted.
    uncounted = {"ephemeral-storage"}
    for name, pool in pools.items():
        gpu = declared.node_pools[name].gpu
        uncounted.update(pool.resources_with(gpu.count) if gpu else ())
    controller = QueueController(
        "queues",
        ControllerArgs(
            declared.queues, declared.namespace, images.get(KUEUE), namespaces.of_queues(), sorted(uncounted), job_sets
        ),
        on_cluster(foundation),
    )
    args = QuotasArgs(declared.namespace, declared.queues, shares(declared), pools)
    return Queues(foundation, controller, Quotas("quotas", args, on_cluster(foundation, controller)))


def with_namespace_quota(declared: Platform, team: str) -> Team:
    """The settings of a team whose GPUs are counted by queues, if there are any."""
    return declared.teams[team].model_copy(update={"quota": namespace_quota(declared, team)})


def has_job_sets(declared: Platform) -> bool:
    """Whether a run has several workers."""
    return any(job.workers > 1 for job in declared.training.values())


def create_job_set_definition(declared: Platform, foundation: Foundation) -> JobSetDefinition | None:
    """It comes before the controllers that look for it."""
    return JobSetDefinition("job-set-definition", on_cluster(foundation)) if has_job_sets(declared) else None


def create_job_sets(
    foundation: Foundation,
    images: Images,
    workspace: Workspace,
    teams: Mapping[str, Workspace],
    definition: JobSetDefinition | None,
) -> list[pulumi.Resource]:
    """What must exist before a run of several workers."""
    if definition is None:
        return []
    args = JobSetsArgs(definition, images.get(JOBSET), workspace, teams)
    return [JobSets("job-sets", args, on_cluster(foundation)).ready]

"""Queues: jobs wait until the quota of their team, or what other teams leave of theirs, has room for them.

A team's quota is counted once. What its endpoints request at most is not in the queue; the rest is the nominal quota of
its queue. The ResourceQuota of its namespace is the sum of both and of what it may borrow, so that it never keeps a pod
of an admitted job from being created.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field

from infra.declaration.types import (
    CpuLimit,
    MemoryLimit,
    Seconds,
    Settings,
    ShortName,
    cpu_millis,
    memory_bytes,
    written,
)

if TYPE_CHECKING:
    from infra.declaration.model import Platform
    from infra.declaration.teams import Quota, Team
    from infra.workloads.kind import Request

UNDECLARED = "default"
"""The priority of jobs that declare none; its value is 0."""
_KIB = 2**10
_SHORTEST = 60


def _time_to_start(seconds: int) -> int:
    """A node has to start, and an image has to be pulled."""
    if seconds < _SHORTEST:
        raise ValueError(f"{seconds}s is too short for pods to start; write at least 1m")
    return seconds


class Preemption(Settings):
    """When running jobs are stopped for waiting ones. They go back to their queue, and start again from their
    checkpoint, or else from the beginning.
    """

    reclaim_within_cohort: Literal["Any", "LowerPriority", "Never"] = Field(
        default="Any", description="Which jobs of teams that have borrowed a team's quota are stopped when it needs it"
    )
    within_cluster_queue: Literal["LowerPriority", "LowerOrNewerEqualPriority", "Never"] = Field(
        default="LowerPriority", description="Which jobs of a team are stopped for another one of the same team"
    )


class Queues(Settings):
    """Queues of training and batch jobs, by Kueue. Each team has one, whose nominal quota is the team's `quota` without
    what its endpoints request. Teams lend each other what they don't use.
    """

    fair_sharing: bool = Field(
        default=True,
        description="Whether idle quota is shared equally between the teams that ask for it; false: first come, first "
        "served",
    )
    preemption: Preemption = Field(default=Preemption(), description="When running jobs are stopped for waiting ones")
    priorities: dict[ShortName, Annotated[int, Field(ge=-1_000_000, le=1_000_000)]] = Field(
        default={"low": -10, "normal": 0, "high": 10},
        description="Priorities that jobs may declare: the higher number goes first, in the queue of a team",
    )
    pods_ready_timeout: Annotated[Seconds, AfterValidator(_time_to_start)] = Field(
        default=written("30m"),
        description="How long all pods of an admitted job may take to be ready, the start of nodes and the pull of the "
        "image included, at least 1m; after that it goes back to its queue",
    )


class BorrowingLimit(Settings):
    """The most that a team's jobs may use beyond the nominal quota. Without a limit they may use all that other teams
    leave idle.
    """

    cpu: CpuLimit | None = Field(default=None, description="Cores; 0: they borrow none; none: no limit")
    memory: MemoryLimit | None = Field(default=None, description="Memory; 0: they borrow none; none: no limit")
    gpus: int | None = Field(default=None, ge=0, description="GPUs of each pool; 0: they borrow none; none: no limit")


class TeamQueue(Settings):
    """The queue of a team's jobs."""

    gpus: dict[ShortName, Annotated[int, Field(ge=0)]] = Field(
        default={}, description="The GPUs of `quota` by node pool; required where several pools have GPUs"
    )
    borrowing_limit: BorrowingLimit = Field(
        default=BorrowingLimit(),
        description="The most that its jobs may use beyond the nominal quota; without it, all that other teams "
        "leave idle",
    )


@dataclass(frozen=True)
class Amounts:
    """Quantities of all resources."""

    cpu: int = 0
    """Thousandths of a core."""
    memory: int = 0
    """Bytes."""
    pods: int = 0
    gpus: Mapping[str, int] = field(default_factory=dict)
    """By pool."""

    def plus(self, other: Amounts, sign: int = 1) -> Amounts:
        pools = sorted({*self.gpus, *other.gpus})
        gpus = {pool: self.gpus.get(pool, 0) + sign * other.gpus.get(pool, 0) for pool in pools}
        cpu, memory = self.cpu + sign * other.cpu, self.memory + sign * other.memory
        return Amounts(cpu, memory, self.pods + sign * other.pods, gpus)

    def minus(self, other: Amounts) -> Amounts:
        return self.plus(other, -1)


@dataclass(frozen=True)
class Share:
    """The quota of one team's queue."""

    nominal: Amounts
    borrowable: Amounts
    """The least of its limit and of what the other teams have."""
    limit: BorrowingLimit


def gpu_pools(platform: Platform) -> list[str]:
    """Pools whose nodes have GPUs."""
    return [name for name, pool in platform.node_pools.items() if pool.gpu is not None]


def shares(platform: Platform) -> dict[str, Share]:
    """The queue of each team, if queues are declared."""
    if platform.queues is None:
        return {}
    nominal = {name: _nominal(platform, name, team) for name, team in platform.teams.items() if team.quota}
    everything = _sum(nominal.values())
    return {name: _share(platform.teams[name], own, everything.minus(own)) for name, own in nominal.items()}


def namespace_quota(platform: Platform, team: str) -> Quota | None:
    """What all pods of a team's namespace may request together, queued or not."""
    quota, share = platform.teams[team].quota, shares(platform).get(team)
    if quota is None or share is None:
        return quota
    more = share.borrowable
    wanted = {
        "cpu": f"{cpu_millis(quota.cpu) + more.cpu}m",
        "memory": f"{(memory_bytes(quota.memory) + more.memory) // _KIB}Ki",
        "gpus": quota.gpus + sum(more.gpus.values()),
    }
    return quota.model_copy(update=wanted)


def gpus_by_pool(platform: Platform, team: Team) -> dict[str, int]:
    """The GPUs of a team's quota; a single pool with GPUs has them all."""
    pools = gpu_pools(platform)
    total = team.quota.gpus if team.quota else 0
    declared = dict(team.queue.gpus) if team.queue and team.queue.gpus else dict.fromkeys(pools[:1], total)
    return {**dict.fromkeys(pools, 0), **declared}


def _nominal(platform: Platform, name: str, team: Team) -> Amounts:
    assert team.quota is not None
    quota = team.quota
    gpus = gpus_by_pool(platform, team)
    declared = Amounts(cpu_millis(quota.cpu), memory_bytes(quota.memory), quota.pods, gpus)
    return declared.minus(_unqueued(platform, name))


def _unqueued(platform: Platform, team: str) -> Amounts:
    """What a team's workloads request at most that wait in no queue."""
    return _sum(
        requested(kind.request(workload))
        for kind, _, workload in platform.workloads()
        if workload.team == team and not kind.queued
    )


def requested(request: Request) -> Amounts:
    """All pods of a workload together."""
    pods, resources = request.pods, request.resources
    gpus = {request.pool: pods * request.gpus} if request.pool and request.gpus else {}
    return Amounts(pods * cpu_millis(resources.cpu), pods * memory_bytes(resources.memory), pods, gpus)


def _sum(amounts: Iterable[Amounts]) -> Amounts:
    total = Amounts()
    for each in amounts:
        total = total.plus(each)
    return total


def _share(team: Team, nominal: Amounts, others: Amounts) -> Share:
    limit = team.queue.borrowing_limit if team.queue else BorrowingLimit()
    borrowable = Amounts(
        min(others.cpu, cpu_millis(limit.cpu)) if limit.cpu is not None else others.cpu,
        min(others.memory, memory_bytes(limit.memory)) if limit.memory is not None else others.memory,
        0,
        {pool: most if limit.gpus is None else min(most, limit.gpus) for pool, most in others.gpus.items()},
    )
    return Share(nominal, borrowable, limit)

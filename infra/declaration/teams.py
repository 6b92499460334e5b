"""Teams: their groups by role and their resource quota, with the rules for them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from infra.catalogue.names import (
    ADMINISTRATOR,
    PLATFORM,
    devices_namespace,
    gateway_namespace,
    logs_namespace,
    queues_namespace,
)
from infra.declaration.budgets import Budget
from infra.declaration.problems import Problem
from infra.declaration.queues import TeamQueue
from infra.declaration.types import Cpu, Memory, Settings, cpu_millis, memory_bytes

if TYPE_CHECKING:
    from infra.declaration.model import Platform
    from infra.workloads.kind import Request

Role = Literal["viewer", "developer", "admin"]

_GROUP = r"^[A-Za-z0-9][\w:.@/-]{0,62}$"
_KUBERNETES_NAMESPACES = {"default", "kube-system", "kube-public", "kube-node-lease"}


def _group(value: str) -> str:
    if not re.fullmatch(_GROUP, value, re.ASCII):
        raise ValueError(f"{value!r} is not a group name; write letters, digits and any of _:.@/-, at most 63")
    if value.startswith("system:"):
        raise ValueError(f"{value!r} is reserved by Kubernetes; write a group of your own")
    return value


Group = Annotated[str, AfterValidator(_group), WithJsonSchema({"type": "string", "pattern": _GROUP})]
"""A group name as in the cluster's authentication."""

Groups = Annotated[tuple[Group, ...], Field(strict=False)]


class Members(Settings):
    """Groups by their role in the team's namespace."""

    viewer: Groups = Field(default=(), description="Read workloads, without logs and secrets")
    developer: Groups = Field(default=(), description="Also read logs, exec into pods, run jobs and restart pods")
    admin: Groups = Field(default=(), description="Also change workloads and the team's secrets")

    def by_role(self) -> dict[Role, tuple[str, ...]]:
        """All roles, from least to most privileged."""
        return {"viewer": self.viewer, "developer": self.developer, "admin": self.admin}

    def named(self) -> Iterator[tuple[str, str]]:
        """Each group with its path in the declaration."""
        for role, groups in self.by_role().items():
            for position, group in enumerate(groups):
                yield f"{role}.{position}", group


class Quota(Settings):
    """Resource quota of the team's namespace."""

    cpu: Cpu = Field(description="Sum of CPU requests")
    memory: Memory = Field(description="Sum of memory requests, and of memory limits")
    storage: Memory | None = Field(default=None, description="Sum of volume sizes; none: no volumes")
    gpus: int = Field(default=0, ge=0, description="Sum of GPUs")
    pods: int = Field(default=100, ge=1, description="Pods that are pending or running")


class Team(Settings):
    """People who share a namespace, which has the team's name."""

    groups: Members = Field(default=Members(), description="Groups by role")
    quota: Quota | None = Field(default=None, description="Resource quota; none: unlimited")
    queue: TeamQueue | None = Field(default=None, description="The queue of its jobs, where `queues` is declared")
    budget: Budget | None = Field(
        default=None,
        description="What the team may cost: of each pool its part by the requests of its pods, and its volumes; none: "
        "no limit",
    )


@dataclass(frozen=True)
class Demand:
    """What a team's declared workloads request at most."""

    cpu: int = 0
    """Thousandths of a core."""
    memory: int = 0
    """Bytes."""
    gpus: int = 0
    pods: int = 0
    disk: int = 0
    """Bytes of scratch."""

    def plus(self, request: Request) -> Demand:
        """With the pods of one more workload."""
        pods, resources = request.pods, request.resources
        return Demand(
            self.cpu + pods * cpu_millis(resources.cpu),
            self.memory + pods * memory_bytes(resources.memory),
            self.gpus + pods * request.gpus,
            self.pods + pods,
            self.disk + pods * max(DISK_OF_A_POD, memory_bytes(resources.scratch) + DISK_BESIDE_SCRATCH),
        )


DISK_OF_A_POD = 2**30
"""Bytes, by default: a quota allows that much for each of its pods."""
DISK_BESIDE_SCRATCH = 2**29
"""Bytes for logs and the container's own layer, where more scratch is declared."""


def demand(platform: Platform, team: str, *, queued: bool = True) -> Demand:
    """All of a team's jobs at once, with or without those that wait in queues, while all of its endpoints are in a
    rollout."""
    total = Demand()
    for kind, _, workload in platform.workloads():
        if workload.team == team and (queued or not kind.queued):
            total = total.plus(kind.request(workload))
    return total


def namespaces_are_free(platform: Platform, root: Path) -> Iterator[Problem]:
    """Namespaces of the platform and of teams are distinct, and none is Kubernetes' own."""
    if _is_kubernetes(platform.namespace):
        yield Problem("namespace", f"'{platform.namespace}' is a namespace of Kubernetes itself; write another name")
    taken = {
        ADMINISTRATOR: "the login name of the tracking server's administrator",
        PLATFORM: "the name of the platform as an owner of secrets and alerts",
        platform.namespace: "the platform's own namespace",
        devices_namespace(platform.namespace): "the namespace of the platform's device plugins",
        logs_namespace(platform.namespace): "the namespace of the platform's log store",
        queues_namespace(platform.namespace): "the namespace of the platform's queues",
        gateway_namespace(platform.namespace): "the namespace of the platform's gateway",
    }
    for team in platform.teams:
        use = taken.get(team, "a namespace of Kubernetes itself" if _is_kubernetes(team) else None)
        if use is not None:
            yield Problem(f"teams.{team}", f"'{team}' is {use}; write another name")


def _is_kubernetes(namespace: str) -> bool:
    return namespace in _KUBERNETES_NAMESPACES or namespace.startswith("kube-")


def workloads_fit_their_quota(platform: Platform, root: Path) -> Iterator[Problem]:
    """Pods beyond the quota would not be created, some of them only at the next rollout."""
    at_once = "endpoints" if platform.queues else "jobs and endpoints"
    for name, team in platform.teams.items():
        quota, needed = team.quota, demand(platform, name, queued=platform.queues is None)
        if quota is None:
            continue
        amounts = {
            "cpu": (quota.cpu, cpu_millis(quota.cpu), needed.cpu, f"{needed.cpu}m"),
            "memory": (quota.memory, memory_bytes(quota.memory), needed.memory, f"{-(-needed.memory // 2**20)}Mi"),
            "gpus": (quota.gpus, quota.gpus, needed.gpus, str(needed.gpus)),
            "pods": (quota.pods, quota.pods, needed.pods, str(needed.pods)),
        }
        for setting, (declared, allowed, requested, least) in amounts.items():
            if requested > allowed:
                yield Problem(
                    f"teams.{name}.quota.{setting}",
                    f"{declared} is less than the team's {at_once} request ({least}, "
                    f"including `maxSurge` of each endpoint during a rollout); write at least {least}",
                )
        disk = -(-demand(platform, name).disk // DISK_OF_A_POD)
        if disk > quota.pods >= needed.pods:
            message = (
                f"{quota.pods} also allows {quota.pods}Gi of scratch in all, and the team's workloads declare {disk}Gi"
            )
            yield Problem(f"teams.{name}.quota.pods", f"{message}; write at least {disk}")


def groups_have_one_role(platform: Platform, root: Path) -> Iterator[Problem]:
    """Each role includes the one before it, so a second role of a group is either redundant or a mistake."""
    for name, team in platform.teams.items():
        roles: dict[str, str] = {}
        for path, group in team.groups.named():
            if group in roles:
                message = f"'{group}' already has the role {roles[group]}; write each group once"
                yield Problem(f"teams.{name}.groups.{path}", message)
            roles.setdefault(group, path.partition(".")[0])


TEAM_RULES = (namespaces_are_free, groups_have_one_role, workloads_fit_their_quota)

"""What a team's settings must agree with: its own workloads, and who is in which role."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from infra.declaration.model import Platform, Resources
from infra.declaration.problems import Problem
from infra.declaration.types import cpu_millis, memory_bytes

_SURGE = 1
"""An endpoint is rolled by starting one replica more."""


@dataclass(frozen=True)
class Need:
    """What a team's declared workloads ask for when all of them run and its endpoints are rolled."""

    cpu: int = 0
    """Thousandths of a core."""
    memory: int = 0
    """Bytes."""
    gpus: int = 0
    pods: int = 0

    def plus(self, pods: int, resources: Resources, gpus: int = 0) -> Need:
        """With so many more pods of one kind."""
        return Need(
            self.cpu + pods * cpu_millis(resources.cpu),
            self.memory + pods * memory_bytes(resources.memory),
            self.gpus + pods * gpus,
            self.pods + pods,
        )


def need(platform: Platform, team: str) -> Need:
    """All of a team's jobs at once, and each endpoint with one replica more."""
    total = Need()
    for job in platform.training.values():
        if job.team == team:
            total = total.plus(1, job.resources, job.gpus)
    for endpoint in platform.serving.values():
        if endpoint.team == team:
            total = total.plus(endpoint.replicas + _SURGE, endpoint.resources)
    return total


def workloads_fit_their_quota(platform: Platform, root: Path) -> Iterator[Problem]:
    """What the quota refuses would wait for ever, or be missing at the next rollout."""
    for name, team in platform.teams.items():
        quota, needed = team.quota, need(platform, name)
        if quota is None:
            continue
        amounts = {
            "cpu": (quota.cpu, cpu_millis(quota.cpu), needed.cpu, f"{needed.cpu}m"),
            "memory": (quota.memory, memory_bytes(quota.memory), needed.memory, f"{-(-needed.memory // 2**20)}Mi"),
            "gpus": (quota.gpus, quota.gpus, needed.gpus, str(needed.gpus)),
            "pods": (quota.pods, quota.pods, needed.pods, str(needed.pods)),
        }
        for setting, (written, allowed, asked, least) in amounts.items():
            if asked > allowed:
                yield Problem(
                    f"teams.{name}.quota.{setting}",
                    f"{written} is less than the team's jobs and endpoints ask for ({least}, "
                    f"with one replica more of each endpoint while it is rolled); write at least {least}",
                )


def a_group_has_one_role_in_a_team(platform: Platform, root: Path) -> Iterator[Problem]:
    """Roles build on each other, so that a second one is either idle or more than was meant."""
    for name, team in platform.teams.items():
        seen: dict[str, str] = {}
        for path, group in team.groups.named():
            if group in seen:
                words = f"'{group}' is in {seen[group]} already; write each group once"
                yield Problem(f"teams.{name}.groups.{path}", words)
            seen.setdefault(group, path.partition(".")[0])

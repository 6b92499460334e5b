"""Teams: their groups by role, and their resource quota."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from infra.declaration.settings import Settings
from infra.declaration.types import Cpu, Memory

Role = Literal["viewer", "developer", "admin"]

_GROUP = r"^[A-Za-z0-9][\w:.@/-]{0,62}$"


def _group(value: str) -> str:
    if not re.match(_GROUP, value):
        raise ValueError(f"{value!r} is no group; write letters, digits and any of _:.@/-, at most 63")
    if value.startswith("system:"):
        raise ValueError(f"{value!r} is a group of Kubernetes itself; write one of your own")
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

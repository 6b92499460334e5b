"""Teams: who belongs to one and as what, and how much of the cluster it may ask for."""

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
"""A group of users as the cluster's authentication names it."""

Groups = Annotated[tuple[Group, ...], Field(strict=False)]


class Members(Settings):
    """The groups whose users have a role in the team's namespace; a role without groups is nobody's."""

    viewer: Groups = Field(default=(), description="See what runs, and neither logs nor secrets")
    developer: Groups = Field(default=(), description="Also read logs, enter pods, run jobs and restart pods")
    admin: Groups = Field(default=(), description="Also change what runs, and the team's secrets")

    def by_role(self) -> dict[Role, tuple[str, ...]]:
        """Every role, in the order of what it allows."""
        return {"viewer": self.viewer, "developer": self.developer, "admin": self.admin}

    def named(self) -> Iterator[tuple[str, str]]:
        """Each group with the path at which it is written."""
        for role, groups in self.by_role().items():
            for position, group in enumerate(groups):
                yield f"{role}.{position}", group


class Quota(Settings):
    """The most that all pods and volumes of the team may ask for at one time."""

    cpu: Cpu = Field(description="Cores that all pods ask for; idle ones may be used beyond it")
    memory: Memory = Field(description="Of all pods, asked for and limited alike")
    storage: Memory | None = Field(default=None, description="Of all volumes; none: no volumes")
    gpus: int = Field(default=0, ge=0, description="Whole GPUs of all pods; 0: none")
    pods: int = Field(default=100, ge=1, description="Pods that have not ended, at one time")


class Team(Settings):
    """People who share a namespace of the same name."""

    groups: Members = Field(default=Members(), description="Who is in the team, by role")
    quota: Quota | None = Field(
        default=None, description="The most that it may ask for; none: as much as the cluster has"
    )

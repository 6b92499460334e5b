"""Datasets: data that workloads read, as objects under a prefix or as a volume; with the rules for them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from infra.declaration.problems import Problem
from infra.declaration.types import Name, Settings, matching

if TYPE_CHECKING:
    from infra.declaration.model import Platform

_PREFIX = r"^[A-Za-z0-9_][A-Za-z0-9_.=-]*(/[A-Za-z0-9_][A-Za-z0-9_.=-]*)*/?$"
_PREFIX_RULE = "folders of letters, digits and any of _.=-, such as imagenet/ or vision/imagenet/"


def _folder(value: str) -> str:
    """`imagenet` would also be the prefix of `imagenet-private/`."""
    return f"{value.rstrip('/')}/"


Prefix = Annotated[
    str,
    AfterValidator(matching(_PREFIX, "a prefix of keys", _PREFIX_RULE)),
    Field(max_length=500),
    AfterValidator(_folder),
    WithJsonSchema({"type": "string", "pattern": _PREFIX, "maxLength": 500, "examples": ["imagenet/"]}),
]


class Objects(Settings):
    """Objects that pods read by the object store's protocol."""

    prefix: Prefix = Field(description="What the keys of its objects begin with, such as imagenet/")


class DatasetVolume(Settings):
    """A volume that exists already."""

    claim: Name = Field(description="A PersistentVolumeClaim in the team's namespace; it is mounted read-only")


class Dataset(Settings):
    """Data that workloads of its team read. Exactly one of `objects` and `volume`."""

    team: Name = Field(description="The owning team, whose workloads may read it")
    objects: Objects | None = Field(default=None, description="Objects in the foundation's bucket for datasets")
    volume: DatasetVolume | None = Field(default=None, description="A volume, which pods mount read-only")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.objects is None) == (self.volume is None):
            found = "both 'objects' and 'volume' are declared" if self.objects else "no data is declared"
            raise ValueError(f"{found}; declare one of 'objects' and 'volume'")
        return self


def variable(dataset: str) -> str:
    """The environment variable that says where a dataset is."""
    return f"DATASET_{dataset.upper().replace('-', '_')}"


def datasets_are_of_their_team(platform: Platform, root: Path) -> Iterator[Problem]:
    """A workload reads only datasets of its own team, each once."""
    for kind, name, workload in platform.workloads():
        for position, dataset in enumerate(workload.datasets):
            path, owner = f"{kind.section}.{name}.datasets.{position}", platform.datasets[dataset].team
            if owner != workload.team:
                message = f"dataset '{dataset}' belongs to team '{owner}'; write a dataset of team '{workload.team}'"
                yield Problem(path, message)
            if dataset in workload.datasets[:position]:
                yield Problem(path, f"dataset '{dataset}' is listed twice; write it once")


def prefixes_are_of_one_team(platform: Platform, root: Path) -> Iterator[Problem]:
    """Who may read a prefix may read everything below it."""
    prefixes = {name: each.objects.prefix for name, each in platform.datasets.items() if each.objects}
    for inner, outer in permutations(prefixes, 2):
        other = platform.datasets[outer].team
        if prefixes[inner].startswith(prefixes[outer]) and platform.datasets[inner].team != other:
            message = f"'{prefixes[inner]}' is in dataset '{outer}' ('{prefixes[outer]}') of team '{other}'"
            yield Problem(f"datasets.{inner}.objects.prefix", f"{message}; write a prefix outside of it")


def volumes_are_within_the_quota(platform: Platform, root: Path) -> Iterator[Problem]:
    """A quota without storage allows no claim in the namespace."""
    for name, dataset in platform.datasets.items():
        quota = platform.teams[dataset.team].quota
        if dataset.volume is not None and quota is not None and quota.storage is None:
            message = f"the quota of team '{dataset.team}' allows no volumes, so the claim can't exist"
            yield Problem(f"datasets.{name}.volume", f"{message}; write teams.{dataset.team}.quota.storage")


def volumes_are_mounted_on_real_nodes(platform: Platform, root: Path) -> Iterator[Problem]:
    """No simulated node has the volume, so its pods would be pending forever."""
    for kind, name, workload in platform.workloads():
        for position, dataset in enumerate(workload.datasets):
            pool = kind.request(workload).pool if platform.foundation.simulates_pools else None
            if pool is not None and platform.datasets[dataset].volume is not None:
                message = f"dataset '{dataset}' is a volume, which simulated nodes of pool '{pool}' don't have"
                path = f"{kind.section}.{name}.datasets.{position}"
                yield Problem(path, f"{message}; remove it, or 'pool', in this stack")


DATASET_RULES = (
    datasets_are_of_their_team,
    prefixes_are_of_one_team,
    volumes_are_within_the_quota,
    volumes_are_mounted_on_real_nodes,
)

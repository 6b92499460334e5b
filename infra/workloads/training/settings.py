"""Training jobs in the declaration, with the rules for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from infra.declaration.problems import Problem
from infra.declaration.types import Name, Seconds, written
from infra.workloads.kind import Job, Kind, one_pod

if TYPE_CHECKING:
    from infra.declaration.model import Platform


class Training(Job):
    """A training job. It runs once, and again whenever one of these changes: its image's own folder, model, arguments,
    resources, pool, GPUs, names of secrets, or revision. `up` submits it and does not wait for it.
    """

    model: Name = Field(description="The model to register versions of, a name in `models`")
    timeout: Seconds = Field(
        default=written("3m"), description="Deadline of each attempt, counted from when its pod has a node"
    )
    revision: int = Field(default=0, ge=0, description="Raise it to run the job again though nothing else has changed")


def only_owners_train(platform: Platform, root: Path) -> Iterator[Problem]:
    """Only the owning team registers versions of a model."""
    for name, job in platform.training.items():
        owner = platform.models[job.model].team
        if job.team != owner:
            yield Problem(f"training.{name}.team", f"model '{job.model}' belongs to team '{owner}'; write '{owner}'")


TRAINING = Kind(
    section="training",
    outputs="jobs",
    request=one_pod,
    references={"model": "models", "pool": "nodePools"},
    rules=[only_owners_train],
)

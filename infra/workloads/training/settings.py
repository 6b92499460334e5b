"""Training jobs in the declaration, with the rules for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from infra.declaration.problems import Problem
from infra.declaration.types import Memory, Name, NonEmpty, Seconds, Settings, memory_bytes, written
from infra.workloads.kind import Job, Kind, Request, one_pod

if TYPE_CHECKING:
    from infra.declaration.model import Platform


LEADER, WORKER = "leader", "worker"
"""Of the pods of a run: the first one, and each of the others."""
_LONGEST_HOST = 63
_HASH = 9
"""Characters by which the name of a run is longer than that of its job."""


class Checkpoint(Settings):
    """A volume of its own for each run of a job, on which it saves what it needs to resume: `CHECKPOINT_DIR` in its
    pod, and of several workers in the first one's. It outlives pods and nodes, and is deleted with the run.
    """

    size: Memory = Field(description="Size of the volume; a change reaches the next run")


class Promotion(Settings):
    """When a new version becomes champion: by a metric that the job measures of it and of the champion, on the same
    held-out data.
    """

    metric: NonEmpty = Field(description="Name of the metric, such as `holdout_accuracy`")
    margin: float = Field(
        default=0, ge=0, allow_inf_nan=False, description="How much better it must be; 0: not worse is enough"
    )
    goal: Literal["maximize", "minimize"] = Field(default="maximize", description="Whether more is better, or less")


class Training(Job):
    """A training job. It runs once, and again whenever one of these changes: its image's own folder, model, arguments,
    resources, pool, GPUs, workers, datasets, `from`, promotion, names of secrets, or revision. To write out a default
    is a change, too. `up` submits it and does not wait for it.
    """

    model: Name = Field(description="The model to register versions of, a name in `models`")
    timeout: Seconds = Field(
        default=written("3m"), description="Deadline of each attempt, counted from when its pod has a node"
    )
    from_: Literal["champion"] | None = Field(
        default=None,
        alias="from",
        description="Start from the model's champion, if there is one (`MODEL_URI`); none: from the beginning",
    )
    promotion: Promotion | None = Field(
        default=None, description="When a new version becomes champion; none: the image decides"
    )
    checkpoint: Checkpoint | None = Field(
        default=None,
        description="A volume on which a run saves what it needs to resume after an eviction, a drain or a failure; "
        "none: it starts from the beginning",
    )
    workers: int = Field(
        default=1,
        ge=1,
        le=100,
        description="Pods that train together, each with the job's resources and GPUs. torchrun finds the others "
        "(`PET_NNODES`, `PET_NODE_RANK`, `PET_MASTER_ADDR`); if one fails, all start again, which is one of `retries`",
    )
    revision: int = Field(default=0, ge=0, description="Raise it to run the job again though nothing else has changed")


def only_owners_train(platform: Platform, root: Path) -> Iterator[Problem]:
    """Only the owning team registers versions of a model."""
    for name, job in platform.training.items():
        owner = platform.models[job.model].team
        if job.team != owner:
            yield Problem(f"training.{name}.team", f"model '{job.model}' belongs to team '{owner}'; write '{owner}'")


def checkpoints_fit_the_quota(platform: Platform, root: Path) -> Iterator[Problem]:
    """Until a run has been replaced by the next one, both have a volume."""
    for name, team in platform.teams.items():
        jobs = [job for job in platform.training.values() if job.team == name and job.checkpoint is not None]
        needed = 2 * sum(memory_bytes(job.checkpoint.size) for job in jobs if job.checkpoint)
        quota = team.quota
        if quota is not None and needed > (memory_bytes(quota.storage) if quota.storage else 0):
            least = f"{-(-needed // 2**30)}Gi"
            declared = f"{quota.storage} is" if quota.storage else "none is declared, which is"
            message = f"{declared} less than twice the team's checkpoints: a run and the one that replaces it"
            yield Problem(f"teams.{name}.quota.storage", f"{message}; write at least {least}")


def names_of_workers_fit(platform: Platform, root: Path) -> Iterator[Problem]:
    """Each pod is a host, which is named after the job."""
    for name, job in platform.training.items():
        longest = _LONGEST_HOST - _HASH - len(f"-{WORKER}-{job.workers - 2}-0")
        if job.workers > 1 and len(name) > longest:
            message = (
                f"the name has {len(name)} characters; with {job.workers} workers, write a name of at most {longest}"
            )
            yield Problem(f"training.{name}", message)


def workers_need_jobset(platform: Platform, root: Path) -> Iterator[Problem]:
    """Its controller acts in the whole cluster, which on an existing one is not the platform's to decide."""
    for name, job in platform.training.items():
        if job.workers > 1 and platform.foundation.cluster is not None:
            message = "several workers are not supported on the cluster foundation; remove it"
            yield Problem(f"training.{name}.workers", message)


def _request(job: Training) -> Request:
    return replace(one_pod(job), pods=job.workers)


TRAINING = Kind(
    section="training",
    outputs="jobs",
    request=_request,
    scale="workers",
    queued=True,
    references={"model": "models", "pool": "nodePools"},
    rules=[only_owners_train, checkpoints_fit_the_quota, names_of_workers_fit, workers_need_jobset],
)

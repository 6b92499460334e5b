"""Batch jobs in the declaration: on a schedule, on demand, or both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from infra.catalogue.alerts.alert import MINUTE, OF_NAMESPACE, Alert
from infra.declaration.problems import Problem
from infra.declaration.types import Name, Seconds, written
from infra.workloads.batch.schedule import Schedule, TimeZone
from infra.workloads.kind import Job, Kind, one_pod

if TYPE_CHECKING:
    from infra.declaration.model import Platform


class Batch(Job):
    """A batch job, such as batch inference, ETL or scheduled retraining: on a schedule, and whenever `make run` starts
    one. It may read models and write artifacts and runs, but only a training job of the owning team registers versions.
    """

    schedule: Schedule | None = Field(
        default=None, description="When to run it, in cron's format; none: only on demand, by `make run`"
    )
    time_zone: TimeZone = Field(default="Etc/UTC", description="The schedule's time zone, a name of the IANA database")
    concurrency_policy: Literal["Allow", "Forbid", "Replace"] = Field(
        default="Forbid", description="Whether a run may start while an earlier one is active"
    )
    starting_deadline: Seconds = Field(
        default=written("10m"), description="How late a run may start; after that it counts as missed"
    )
    successful_jobs_history_limit: int = Field(default=3, ge=0, le=100, description="Successful runs to keep")
    failed_jobs_history_limit: int = Field(default=3, ge=1, le=100, description="Failed runs to keep")
    model: Name | None = Field(
        default=None, description="A model whose champion it reads, a name in `models`; `MODEL_URI` in its pods"
    )


def schedule_settings_need_a_schedule(platform: Platform, root: Path) -> Iterator[Problem]:
    """Without a schedule they would do nothing."""
    for name, job in platform.batch.items():
        default = Batch(team=job.team, image=job.image)
        settings = {
            "timeZone": job.time_zone != default.time_zone,
            "startingDeadline": job.starting_deadline != default.starting_deadline,
        }
        for setting, is_declared in settings.items():
            if job.schedule is None and is_declared:
                yield Problem(f"batch.{name}.{setting}", "does nothing without 'schedule'; write one, or remove this")


def idle_runs_are_not_stopped(platform: Platform, root: Path) -> Iterator[Problem]:
    """A run that is stopped has not ended: the schedule's next one would wait for it."""
    for name, job in platform.batch.items():
        if job.idle is not None and job.idle.then == "stop":
            message = "a stopped run would keep later ones from starting"
            fix = "write 'notify', and a shorter timeout if runs hang"
            yield Problem(f"batch.{name}.idle.then", f"{message}; {fix}")


# Runs that overlap by `concurrencyPolicy: Allow` share the team's quota.
BATCH = Kind(
    section="batch",
    outputs="batch",
    request=one_pod,
    queued=True,
    references={"model": "models", "pool": "nodePools"},
    rules=[schedule_settings_need_a_schedule, idle_runs_are_not_stopped],
    alerts=[
        Alert(
            "BatchJobMissed",
            "time() - max by (namespace, cronjob) (kube_cronjob_next_schedule_time) > 0 "
            "and on (namespace, cronjob) max by (namespace, cronjob) (kube_cronjob_status_active) == 0",
            "batch job {{ $labels.cronjob }} was due {{ $value | humanizeDuration }} ago and has not been started",
            for_=10 * MINUTE,
            team=OF_NAMESPACE,
        ),
    ],
)

"""Rules about idle GPUs: an alert that could never fire is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from infra.catalogue.alerts.idle import IdleLimit
from infra.declaration.idle import Idle
from infra.declaration.problems import Problem
from infra.workloads.kind import Job

if TYPE_CHECKING:
    from infra.declaration.model import Platform

_MIN_SAMPLES = 4
"""With fewer, two moments between steps of the job could look like a time without any."""


def idle_jobs(platform: Platform) -> Iterator[tuple[str, str, Job, Idle]]:
    """The section and the name of each job that declares when it is idle."""
    for kind, name, workload in platform.workloads():
        if isinstance(workload, Job) and workload.idle is not None:
            yield kind.section, name, workload, workload.idle


def idle_limits(platform: Platform) -> list[IdleLimit]:
    """For the rules of Prometheus. A kind's section is the component label of its pods, and a team has a namespace."""
    return [
        IdleLimit(job.team, section, name, idle.gpu_below, idle.for_, idle.then)
        for section, name, job, idle in idle_jobs(platform)
    ]


def idle_gpus_are_measured(platform: Platform, root: Path) -> Iterator[Problem]:
    """The job has GPUs, which are real, and Prometheus collects their metrics."""
    for section, name, job, _ in idle_jobs(platform):
        path = f"{section}.{name}.idle"
        if not job.gpus:
            yield Problem(path, f"the job has no GPUs; write {section}.{name}.gpus, or remove this")
        elif platform.foundation.simulates_pools:
            yield Problem(
                path, "pods are never executed on simulated nodes, so that their GPUs are never idle; remove it"
            )
        elif platform.monitoring is None:
            yield Problem(path, "does nothing without 'monitoring', which measures GPUs; declare it, or remove this")


def idle_time_can_pass(platform: Platform, root: Path) -> Iterator[Problem]:
    """It has some samples, and an attempt takes longer."""
    for section, name, job, idle in idle_jobs(platform):
        path = f"{section}.{name}.idle.for"
        interval = platform.monitoring.scrape_interval if platform.monitoring else 0
        if idle.for_ < _MIN_SAMPLES * interval:
            message = f"{idle.for_} s hold fewer than {_MIN_SAMPLES} samples at a scrapeInterval of {interval} s"
            yield Problem(path, f"{message}; write at least {_MIN_SAMPLES * interval}s")
        elif idle.for_ >= job.timeout:
            message = f"{idle.for_} s are not less than the job's timeout of {job.timeout} s, which ends it before"
            yield Problem(path, f"{message}; write less, or raise {section}.{name}.timeout")


def queues_stop_idle_runs(platform: Platform, root: Path) -> Iterator[Problem]:
    """What else stops a run may be undone by what started it."""
    fix = "write 'notify'" if platform.foundation.cluster else "declare 'queues', or write 'notify'"
    for section, name, _, idle in idle_jobs(platform):
        if idle.then == "stop" and platform.queues is None:
            message = "runs are stopped by the queue that they wait in, and there are no queues"
            yield Problem(f"{section}.{name}.idle.then", f"{message}; {fix}")


IDLE_RULES = (idle_gpus_are_measured, idle_time_can_pass, queues_stop_idle_runs)

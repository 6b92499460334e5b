"""Waits for training runs that `up` has submitted, with progress."""

import math
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kubernetes import client
from urllib3.exceptions import HTTPError

from cli import preflight, stack, status
from cli.jobs import pods_of_run, reasons
from common.console import Progress, Report, console
from common.pulumi import urn_name
from infra.declaration.model import Platform

_POLL_SECONDS = 0.5
_TRAINING_RUNS = (":Training$kubernetes:batch/v1:Job::", ":Training$kubernetes:jobset.x-k8s.io/v1alpha2:JobSet::")


@dataclass(frozen=True)
class Run:
    """A submitted run and what it does now; `why` is the reason if it is pending or has failed."""

    name: str
    state: str
    why: str = ""
    log: str = ""
    """The command that shows its log."""

    @property
    def ended(self) -> bool:
        return self.failed or self.state.startswith("succeeded")

    @property
    def failed(self) -> bool:
        return self.state in ("failed", "missing") or self.state.startswith("stopped")

    def __str__(self) -> str:
        return f"{self.name} {self.state}" + (f" ({self.why})" if self.why else "")


def submitted(events: Iterable[Mapping[str, Any]]) -> set[str]:
    """The names of the Jobs and JobSets that an `up` has submitted, from the engine's events."""
    done = (event["resOutputsEvent"]["metadata"] for event in events if "resOutputsEvent" in event)
    return {urn_name(step["urn"]) for step in done if step["op"] == "create" and _is_run(step["urn"])}


def _is_run(urn: str) -> bool:
    return any(kind in urn for kind in _TRAINING_RUNS)


def wait(name: str, declared: Platform, progress: Progress, wanted: Collection[str] | None = None) -> list[Run]:
    """Wait until all runs have ended, or those with the names `wanted`; what each has come to.

    For the latter it waits at most as long as all attempts may take; and never for runs on simulated nodes.
    """
    jobs = stack.outputs(name).get("jobs", {}) if wanted is None or wanted else {}
    asked = {name: job for name, job in jobs.items() if wanted is None or (job.get("job_set") or job["job"]) in wanted}
    real = {training: job for training, job in asked.items() if not job["simulated"]}
    if not real:
        return []
    with progress.step(f"training: {', '.join(real)}") as step:
        seconds = math.inf if wanted is None else _longest(declared, real)
        return _wait(status.cluster_api(name, declared), real, seconds, step.say)


def all_succeed(name: str, *, quiet: bool) -> bool:
    """Wait for every run of a stack; whether all have succeeded. `quiet`: standard output is left alone."""
    console.stderr, shown = quiet, console.stderr
    try:
        declared = preflight.declaration(name)
        status.require_seen(name, declared)
        return all(run.ended and not run.failed for run in wait(name, declared, Progress()))
    finally:
        console.stderr = shown


def advice(name: str, run: Run) -> str:
    """What to do about a run that has not succeeded."""
    if run.state.startswith("stopped"):
        return f"training job {run}; `make run STACK={name} JOB={run.name}` starts it again"
    if run.failed:
        return f"training job {run}" + (f"; its log, in `make shell STACK={name}`: {run.log}" if run.log else "")
    return f"training job {run}; `make status STACK={name} WAIT=1` waits for it"


def _longest(declared: Platform, wanted: Collection[str]) -> int:
    """Seconds of all attempts of the longest job."""
    attempts = [job.timeout * (1 + job.retries) for name, job in declared.training.items() if name in wanted]
    return max(attempts, default=0)


def _wait(api: client.ApiClient, jobs: Mapping[str, Mapping[str, Any]], seconds: float, say: Report) -> list[Run]:
    deadline = time.monotonic() + seconds
    runs: list[Run] = []
    while True:
        try:
            runs = [_run(api, training, job) for training, job in jobs.items()]
            say("; ".join(map(str, runs)))
            if all(run.ended for run in runs):
                return runs
        except HTTPError as error:
            say(f"the cluster does not answer: {error}")
        if time.monotonic() > deadline:
            return runs
        time.sleep(_POLL_SECONDS)


def _run(api: client.ApiClient, training: str, output: Mapping[str, Any]) -> Run:
    state = status.job(api, training, output).state
    if state.startswith("succeeded") or state == "missing":
        return Run(training, state)
    pods = pods_of_run(client.CoreV1Api(api), output)
    log = f"kubectl -n {output['namespace']} logs job/{output['job']}"
    return Run(training, state, next((reason for pod in pods for reason in reasons(pod)), ""), log)

"""Training runs and batch jobs of the trial stack: declarations of some more, and what they come to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
import yaml
from kubernetes import client
from kubernetes.stream import stream

from cli.prediction import Endpoint
from cli.start_job import job_from
from common.errors import CommandError
from tests.pulumi_engine import Pulumi
from tests.stack.conftest import STACK, TEAM

SLEEPS, FAILS, ENDS = "sleeps", "fails", "ends"
_ENTRY_POINTS = {
    # PID 1 ignores SIGTERM unless it asks for it.
    SLEEPS: """["sh", "-c", "trap 'exit 1' TERM; echo $HOSTNAME >> $CHECKPOINT_DIR/pods; sleep 3600 & wait"]""",
    FAILS: '["false"]',
    ENDS: '["true"]',
}


@contextmanager
def more_jobs(trial: Pulumi) -> Iterator[None]:
    """Declares a run that takes an hour, one that always fails, and a batch job; the stack file is put back."""
    before = _file(trial).read_text()
    for name, entry_point in _ENTRY_POINTS.items():
        folder = trial.folder / "images" / name
        folder.mkdir(exist_ok=True)
        (folder / "Dockerfile").write_text(f"ARG BASE\nFROM ${{BASE}}\nUSER 65532:65532\nENTRYPOINT {entry_point}\n")
    small = {"cpu": "10m", "memory": "32Mi"}
    run = {"team": TEAM, "model": "digits", "resources": small, "timeout": "2h", "retries": 0}
    declare(
        trial,
        images={name: {} for name in _ENTRY_POINTS},
        training={
            SLEEPS: {**run, "image": SLEEPS, "checkpoint": {"size": "1Gi"}},
            FAILS: {**run, "image": FAILS},
        },
        batch={ENDS: {"team": TEAM, "image": ENDS, "resources": small, "schedule": "* * * * *"}},
    )
    try:
        yield
    finally:
        _file(trial).write_text(before)


def declare(trial: Pulumi, **sections: dict[str, Any]) -> None:
    """Adds entries to sections of the stack file."""
    document = yaml.safe_load(_file(trial).read_text())
    platform = document["config"]["ml-platform:platform"]
    for section, entries in sections.items():
        platform.setdefault(section, {}).update(entries)
    _file(trial).write_text(yaml.safe_dump(document))


def _file(trial: Pulumi) -> Path:
    return trial.folder / f"Pulumi.{STACK}.yaml"


def status(core: client.CoreV1Api, run: dict[str, Any]) -> Any:
    """The status of a run's Job."""
    return client.BatchV1Api(core.api_client).read_namespaced_job(run["job"], run["namespace"]).status


def has_failed(core: client.CoreV1Api, run: dict[str, Any]) -> bool:
    return any(each.type == "Failed" and each.status == "True" for each in status(core, run).conditions or [])


def pods_of(core: client.CoreV1Api, run: dict[str, Any]) -> list[Any]:
    selector = f"batch.kubernetes.io/job-name={run['job']}"
    return list(core.list_namespaced_pod(run["namespace"], label_selector=selector).items)


def running(core: client.CoreV1Api, run: dict[str, Any], *, other_than: set[str]) -> str:
    """The name of a running pod of the run; empty if there is none."""
    pods = [pod for pod in pods_of(core, run) if pod.status.phase == "Running" and not pod.metadata.deletion_timestamp]
    return next((pod.metadata.name for pod in pods if pod.metadata.name not in other_than), "")


def saved_by(core: client.CoreV1Api, pod: str, namespace: str) -> list[str]:
    """The pods of the run that sleeps which have written to its checkpoint, in order."""
    command = ["cat", "/checkpoint/pods"]
    call = core.connect_get_namespaced_pod_exec
    return str(stream(call, pod, namespace, command=command, stdout=True, stderr=True)).split()


def evict(core: client.CoreV1Api, pod: str, namespace: str) -> None:
    """As `kubectl drain` does."""
    core.create_namespaced_pod_eviction(pod, namespace, client.V1Eviction(metadata=client.V1ObjectMeta(name=pod)))


def version(endpoint: Endpoint, model: str) -> str:
    """The served version; empty while the endpoint waits or can't be reached."""
    try:
        return str(endpoint.ask("GET", f"/v2/models/{model}")["versions"][0])
    except (CommandError, requests.RequestException):
        return ""


def start(core: client.CoreV1Api, cron_job: str, run: str) -> None:
    """As `make run` does."""
    batch = client.BatchV1Api(core.api_client)
    batch.create_namespaced_job(TEAM, job_from(batch.read_namespaced_cron_job(cron_job, TEAM), run))


def succeeded(core: client.CoreV1Api, cron_job: str) -> set[str]:
    """The names of a batch job's runs that have succeeded."""
    jobs = client.BatchV1Api(core.api_client).list_namespaced_job(TEAM).items
    own = [job for job in jobs if cron_job in {owner.name for owner in job.metadata.owner_references or []}]
    return {job.metadata.name for job in own if job.status.succeeded}

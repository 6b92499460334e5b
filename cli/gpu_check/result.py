"""What a check found, from the termination message of its pod."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

from kubernetes import client

from cli.jobs import has_ended, printable, reasons
from infra.catalogue.names import DOMAIN, GPU_CHECK, JOB_LABEL

NODE, DECLARED, OFFERED = f"{DOMAIN}/node", f"{DOMAIN}/gpus-declared", f"{DOMAIN}/gpus-offered"
"""Annotations of a check's Job: the node that it checks, how many GPUs it should have, and how many it offered."""
_OF_CHECKS = f"app.kubernetes.io/component={GPU_CHECK}"
_MOST_TFLOPS = 1e6
"""More than any GPU computes."""


@dataclass(frozen=True)
class Passed:
    """GPUs that compute; `tflops` are those of the slowest."""

    driver: str
    name: str
    gpus: int
    tflops: float


@dataclass(frozen=True)
class Failed:
    """What is wrong, at which stage, and what to do."""

    stage: str
    problem: str
    fix: str

    def __str__(self) -> str:
        return f"{self.stage}: {self.problem}; {self.fix}"


@dataclass(frozen=True)
class Check:
    """What is known of one node. `report` is that of images/torch/gpu_check; `problem` is why there is none."""

    pool: str
    node: str
    report: Passed | Failed | None = None
    problem: str = ""
    skipped: bool = False
    """Whether nothing was checked, because there is no node or its GPUs are in use."""
    declared: int = 0
    """GPUs that the node should have; 0: unknown."""
    offered: int = 0
    """GPUs that its device plugin offers; 0: unknown."""

    @property
    def passed(self) -> bool:
        return isinstance(self.report, Passed) and not self._missing

    @property
    def failed(self) -> bool:
        return not self.passed and not self.skipped

    @property
    def _missing(self) -> str:
        fewer = 0 < self.offered < self.declared
        return f"the node offers {self.offered} of its {self.declared} GPUs" if fewer else ""

    def __str__(self) -> str:
        found = self._passed(self.report) if isinstance(self.report, Passed) else str(self.report or self.problem)
        parts = filter(None, (self._missing, found))
        return ("failed: " if self.failed else "") + "; ".join(parts)

    def _passed(self, report: Passed) -> str:
        all_gpus = max(self.declared, self.offered)
        count = f"{report.gpus} of {all_gpus}" if report.gpus < all_gpus else str(report.gpus)
        return f"passed: {count} x {report.name}, at least {report.tflops:.0f} TFLOP/s, driver {report.driver}"


def result(asked: Check, pods: Sequence[Any]) -> Check:
    """What the pods of a check say: the last termination message, or how they ended.

    A disrupted pod is followed by another, so that a report of any pod comes before the end of another.
    """
    latest = sorted(pods, key=lambda pod: pod.metadata.creation_timestamp, reverse=True)
    for pod in latest:
        for container in pod.status.container_statuses or []:
            ended = container.state.terminated
            if ended and (report := _report(ended.message)):
                return replace(asked, node=_node(asked, pod), report=report)
    for pod in latest:
        for reason in reasons(pod):
            return replace(asked, node=_node(asked, pod), problem=f"the check did not end: {reason}")
    return replace(asked, problem="the check left no report, and its pod is gone")


def _node(asked: Check, pod: Any) -> str:
    return asked.node or pod.spec.node_name or ""


def _report(message: str | None) -> Passed | Failed | None:
    """None if it is not exactly what images/torch/gpu_check writes: the image may be anybody's."""
    try:
        report = json.loads(message or "")
    except (ValueError, RecursionError):
        return None
    if not isinstance(report, dict):
        return None
    if report.get("passed") is True:
        return _passed(report)
    stage, problem, fix = (report.get(key) for key in ("stage", "problem", "fix"))
    if report.get("passed") is not False or not (_is_text(stage) and _is_text(problem) and _is_text(fix)):
        return None
    return Failed(printable(stage), printable(problem), printable(fix))


def _passed(report: Mapping[str, Any]) -> Passed | None:
    driver, gpus = report.get("driver"), report.get("gpus")
    if not _is_text(driver) or not isinstance(gpus, list) or not gpus or not all(map(_is_gpu, gpus)):
        return None
    return Passed(printable(driver), printable(gpus[0]["name"]), len(gpus), min(gpu["tflops"] for gpu in gpus))


def _is_gpu(found: Any) -> bool:
    return isinstance(found, dict) and _is_text(found.get("name")) and _is_speed(found.get("tflops"))


def _is_speed(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < _MOST_TFLOPS


def _is_text(value: Any) -> TypeGuard[str]:
    return isinstance(value, str)


def last_checks(api: client.ApiClient, namespace: str, nodes: Collection[str]) -> dict[str, str]:
    """What the last check of each node came to, and when, by node; those that were not checked are left out."""
    jobs = client.BatchV1Api(api).list_namespaced_job(namespace, label_selector=_OF_CHECKS).items
    pods = client.CoreV1Api(api).list_namespaced_pod(namespace, label_selector=_OF_CHECKS).items if jobs else []
    found = {}
    for job in sorted((job for job in jobs if has_ended(job.status)), key=_ended):
        own = [pod for pod in pods if pod.metadata.labels.get(JOB_LABEL) == job.metadata.name]
        check = result(_asked(job), own)
        if check.node in nodes:
            found[check.node] = f"{check} ({_ended(job):%Y-%m-%d %H:%M} UTC)"
    return found


def annotations(asked: Check) -> dict[str, str]:
    """Of the check's Job, from which status shows the result later."""
    if not asked.node:
        return {}
    return {NODE: asked.node, DECLARED: str(asked.declared), OFFERED: str(asked.offered)}


def _asked(job: Any) -> Check:
    written = job.metadata.annotations or {}
    return Check("", written.get(NODE, ""), declared=_number(written, DECLARED), offered=_number(written, OFFERED))


def _number(written: Mapping[str, str], key: str) -> int:
    text = written.get(key, "")
    return int(text) if text.isdecimal() and len(text) < 5 else 0


def _ended(job: Any) -> Any:
    return max(condition.last_transition_time for condition in job.status.conditions)

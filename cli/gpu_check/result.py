"""What a check found, from the termination message of its pod."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kubernetes import client

from cli.jobs import has_ended, reasons
from infra.catalogue.names import GPU_CHECK

NODE = "ml-platform.io/node"
"""Annotation of a check's Job: the node that it checks."""
_OF_CHECKS = f"app.kubernetes.io/component={GPU_CHECK}"


@dataclass(frozen=True)
class Check:
    """What is known of one node. `report` is that of images/torch/gpu_check; `problem` is why there is none."""

    pool: str
    node: str
    report: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""
    skipped: bool = False
    """Whether nothing was checked, because there is no node or its GPUs are in use."""

    @property
    def passed(self) -> bool:
        return bool(self.report.get("passed"))

    @property
    def failed(self) -> bool:
        return not self.passed and not self.skipped

    def __str__(self) -> str:
        if self.passed:
            gpus = self.report["gpus"]
            slowest = min(gpu["tflops"] for gpu in gpus)
            found = f"{len(gpus)} x {gpus[0]['name']}, at least {slowest:.0f} TFLOP/s"
            return f"passed: {found}, driver {self.report['driver']}"
        if self.report:
            return f"failed: {self.report['stage']}: {self.report['problem']}; {self.report['fix']}"
        return self.problem if self.skipped else f"failed: {self.problem}"


def result(pool: str, node: str, pods: Sequence[Any]) -> Check:
    """What the pods of a check say: their termination message, or how they ended."""
    for pod in pods:
        where = node or pod.spec.node_name or ""
        for container in pod.status.container_statuses or []:
            ended = container.state.terminated
            if ended and (report := _report(ended.message)):
                return Check(pool, where, report)
        for reason in reasons(pod):
            return Check(pool, where, problem=f"the check did not end: {reason}")
    return Check(pool, node, problem="the check left no report, and its pod is gone")


def _report(message: str | None) -> dict[str, Any]:
    try:
        report = json.loads(message or "")
    except ValueError:
        return {}
    return report if isinstance(report, dict) and "passed" in report else {}


def last_checks(api: client.ApiClient, namespace: str, nodes: Collection[str]) -> dict[str, str]:
    """What the last check of each node came to, and when, by node; those that were not checked are left out."""
    jobs = client.BatchV1Api(api).list_namespaced_job(namespace, label_selector=_OF_CHECKS).items
    pods = client.CoreV1Api(api).list_namespaced_pod(namespace, label_selector=_OF_CHECKS).items if jobs else []
    found = {}
    for job in sorted((job for job in jobs if has_ended(job.status)), key=_ended):
        own = [pod for pod in pods if pod.metadata.labels.get("batch.kubernetes.io/job-name") == job.metadata.name]
        check = result("", (job.metadata.annotations or {}).get(NODE, ""), own)
        if check.node in nodes:
            found[check.node] = f"{check} ({_ended(job):%Y-%m-%d %H:%M} UTC)"
    return found


def _ended(job: Any) -> Any:
    return max(condition.last_transition_time for condition in job.status.conditions)

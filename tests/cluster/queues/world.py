"""Two teams with queues, as the platform's own components make them, and a pool of eight GPUs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import uuid4

from kubernetes import client

from infra.catalogue.names import POOL_LABEL, QUEUE_LABEL, QUEUE_PRIORITY_LABEL
from offline.cluster import pause_image
from tests.cluster.queues.node import Node
from tests.cluster.queues.pulumi_program import program
from tests.pulumi_engine import Pulumi
from tests.waiting import eventually

GPUS = 8
KUEUE = ("kueue.x-k8s.io", "v1beta2")
JOB_SETS = ("jobset.x-k8s.io", "v1alpha2")


@dataclass
class World:
    """`red` has a quota of 4 GPUs and may borrow 2; `blue` has 4 and `green` none, and both borrow whatever is idle."""

    core: client.CoreV1Api
    images: Mapping[str, str]
    stack: Pulumi
    name: str = field(default_factory=lambda: f"queues-{uuid4().hex[:6]}")

    def __post_init__(self) -> None:
        self.api = self.core.api_client
        self.batch, self.objects = client.BatchV1Api(self.api), client.CustomObjectsApi(self.api)
        self.pool = f"{self.name}-pool"
        self.teams = self.red, self.blue, self.green = [f"{self.name}-{team}" for team in ("red", "blue", "green")]

    @property
    def controller(self) -> str:
        """Its namespace."""
        return f"{self.name}-queues"

    def declaration(self, training: Mapping[str, Any]) -> dict[str, Any]:
        quota = {"cpu": 32, "memory": "64Gi"}
        gpu = {"model": "NVIDIA-H100", "count": GPUS}
        return {
            "foundation": {"local": {}},
            "namespace": self.name,
            "queues": {"podsReadyTimeout": "2m"},
            "teams": {
                self.red: {"quota": {**quota, "gpus": 4}, "queue": {"borrowingLimit": {"gpus": 2}}},
                self.blue: {"quota": {**quota, "gpus": 4}},
                self.green: {"quota": quota},
            },
            "images": {"training": {}},
            "models": {"digits": {"team": self.red}},
            "nodePools": {self.pool: {"instance": {"cpu": 64, "memory": "256Gi"}, "gpu": gpu, "max": 1}},
            "training": training,
        }

    def declare(self, training: Mapping[str, Any] | None = None, more: str = "") -> None:
        """Make this the stack's program, with these training jobs of red, and `more` at its end."""
        self.stack.program(program(self.name, self.pool, self.images, self.declaration(training or {})) + more)

    def run(self, **changes: Any) -> dict[str, Any]:
        """A training job of red."""
        job = {"team": self.red, "image": "training", "model": "digits", "pool": self.pool, "gpus": 4}
        return {**job, "resources": {"cpu": "100m", "memory": "64Mi"}, **changes}

    def submit(self, team: str, gpus: int, priority: str = "default", **spec: Any) -> str:
        """A job as members of a team create it: it names the queue, and starts at once if nothing prevents it."""
        labels = {QUEUE_LABEL: team, QUEUE_PRIORITY_LABEL: f"{self.name}-{priority}"}
        return self.create(team, gpus, labels, **spec)

    def create(self, team: str, gpus: int, labels: Mapping[str, str], **spec: Any) -> str:
        name = f"job-{uuid4().hex[:6]}"
        body = {
            "metadata": {"name": name, "labels": dict(labels)},
            "spec": {"backoffLimit": 0, "template": self.template(gpus), **spec},
        }
        self.batch.create_namespaced_job(team, body)
        return name

    def template(self, gpus: int) -> dict[str, Any]:
        amounts = {"cpu": "100m", "memory": "64Mi", **({"nvidia.com/gpu": str(gpus)} if gpus else {})}
        container = {
            "name": "main",
            "image": pause_image.REFERENCE,
            "resources": {"requests": amounts, "limits": amounts},
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        }
        return {
            "spec": {
                "restartPolicy": "Never",
                "terminationGracePeriodSeconds": 1,
                "priorityClassName": f"{self.name}-training",
                "nodeSelector": {POOL_LABEL: self.pool},
                "tolerations": [{"operator": "Exists"}],
                "securityContext": {
                    "runAsNonRoot": True,
                    "runAsUser": 65532,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "containers": [container],
            }
        }

    def running(self, team: str, job: str) -> bool:
        status = self.batch.read_namespaced_job(job, team).status
        return bool(status.ready)

    def suspended(self, team: str, job: str) -> bool:
        return bool(self.batch.read_namespaced_job(job, team).spec.suspend)

    def runs(self, team: str, *jobs: str) -> None:
        """Wait until these run."""
        for job in jobs:
            eventually(
                lambda job=job: self.running(team, job),  # type: ignore[misc] # by the default
                60,
                f"{team}/{job}",
                why=lambda job=job: self.reason(team, job),  # type: ignore[misc] # by the default
            )

    def waits(self, team: str, job: str) -> str:
        """Wait until Kueue has looked at it and found no room; why it waits."""
        reason = eventually(lambda: self.reason(team, job), 60, f"a reason why {team}/{job} waits")
        assert self.suspended(team, job)
        return reason

    def reason(self, team: str, job: str) -> str:
        """What Kueue says of a job that is not admitted."""
        for each in self.workloads(team):
            if each["metadata"]["ownerReferences"][0]["name"] == job:
                for condition in each.get("status", {}).get("conditions", []):
                    if condition["type"] == "QuotaReserved" and condition["status"] == "False":
                        return str(condition["message"])
        return ""

    def workloads(self, team: str) -> list[dict[str, Any]]:
        return list(self.objects.list_namespaced_custom_object(*KUEUE, team, "workloads")["items"])

    def has_no_workloads(self, team: str) -> bool:
        return not self.workloads(team)

    def clear(self, node: Node) -> None:
        """No job is left, and nothing is reserved."""
        for team in self.teams:
            self.batch.delete_collection_namespaced_job(team, propagation_policy="Background")
            self.objects.delete_collection_namespaced_custom_object(*JOB_SETS, team, "jobsets")
            eventually(partial(self.has_no_workloads, team), 60, "removal of all workloads")
            eventually(partial(node.has_no_pods, team), 60, "removal of all pods")
        node.most_gpus.clear()

    def stop_controller(self) -> None:
        """Without it nobody answers its webhooks."""
        apps = client.AppsV1Api(self.api)
        apps.patch_namespaced_deployment_scale("kueue", self.controller, {"spec": {"replicas": 0}})
        pods = self.core.list_namespaced_pod
        eventually(lambda: not pods(self.controller).items, 60, "the end of the controller")

    def start_controller(self) -> float:
        """The seconds until it is ready again."""
        apps, began = client.AppsV1Api(self.api), time.monotonic()
        apps.patch_namespaced_deployment_scale("kueue", self.controller, {"spec": {"replicas": 1}})
        eventually(
            lambda: apps.read_namespaced_deployment("kueue", self.controller).status.available_replicas,
            120,
            "the controller",
        )
        return time.monotonic() - began

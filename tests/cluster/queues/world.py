"""Two teams with queues, as the platform's own components make them, and a pool of eight GPUs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import uuid4

from kubernetes import client

from common import paths
from infra.catalogue.names import POOL_LABEL, QUEUE_LABEL, QUEUE_PRIORITY_LABEL
from offline.cluster import pause_image
from offline.cluster.addresses import CONTEXT
from tests.cluster.queues.node import Node
from tests.pulumi_engine import Pulumi
from tests.waiting import eventually

GPUS = 8
KUEUE = ("kueue.x-k8s.io", "v1beta2")
PROGRAM = """
import sys
from pathlib import Path

sys.path.insert(0, {repository!r})

import pulumi
import pulumi_kubernetes as kubernetes

from infra.catalogue.names import POOL_LABEL, queues_namespace
from infra.declaration.loader import declare
from infra.declaration.queues import namespace_quota, shares
from infra.foundation import Placement, Toleration, Volume
from infra.foundation.contract import nothing_to_bind
from infra.images import BuiltImage
from infra.networking.network_policies import queue_policies
from infra.queues import LocalQueues, LocalQueuesArgs, Quotas, QuotasArgs
from infra.queues.configuration import WEBHOOK_PORT
from infra.queues.controller import ControllerArgs, QueueController
from infra.tenancy import Priorities, PrioritiesArgs, Workspace, WorkspaceArgs
from infra.workloads.access import Outside
from infra.workloads.training.component import Training, TrainingArgs

platform, pool = {platform!r}, {pool!r}
declared = declare({declaration!r}, "Pulumi.test.yaml", Path({repository!r}))
# As the entry point of the platform does, but for Jobs that a team creates itself, which go with its namespace.
cluster = kubernetes.Provider("kubernetes", context={context!r})


def after(*resources):
    return pulumi.ResourceOptions(providers=[cluster], depends_on=list(resources))


priorities = Priorities("priorities", PrioritiesArgs(platform), after())


def workspace(name, component, opts, **more):
    return Workspace(name, WorkspaceArgs(platform, component, None, priorities=priorities, **more), opts)


placement = Placement(pool, {{POOL_LABEL: pool}}, [Toleration(pool, None, "NoSchedule")], True, gpus=True)
own = workspace(queues_namespace(platform), "queues", after(), policies=queue_policies(WEBHOOK_PORT))
image = BuiltImage("kueue", "", "", pulumi.Output.from_input({image!r}))
controller = QueueController(
    "queues", ControllerArgs(declared.queues, platform, image, own, ["ephemeral-storage"]), after()
)
args = QuotasArgs(platform, declared.queues, shares(declared), {{pool: placement}})
quotas = Quotas("quotas", args, after(controller))
teams = {{
    name: workspace(
        name,
        "team",
        after(controller, quotas),
        team=name,
        queued=True,
        settings=team.model_copy(update={{"quota": namespace_quota(declared, name)}}),
    )
    for name, team in declared.teams.items()
}}
queues = LocalQueues("queues-of-teams", LocalQueuesArgs(platform, controller, teams), after()).by_team
sleeps = BuiltImage("sleeps", "content", "content", pulumi.Output.from_input({sleeps!r}))
for name, settings in declared.training.items():
    place = teams[settings.team]
    access = Outside({{}}, {{}}, None).access("training", name, settings, place, nothing_to_bind)
    args = TrainingArgs(
        settings, sleeps, place, access, [], placement, Volume(None), job_sets=[], queue=queues[settings.team]
    )
    run = Training(name, args, after())
    pulumi.export(name, run.job_name)
"""


@dataclass
class World:
    """`red` has a quota of 4 GPUs and may borrow 2; `blue` has 4 and `green` none, and both borrow whatever is idle."""

    core: client.CoreV1Api
    image: str
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
        values = {
            "repository": str(paths.REPOSITORY),
            "context": CONTEXT,
            "platform": self.name,
            "pool": self.pool,
            "image": self.image,
            "sleeps": pause_image.REFERENCE,
            "declaration": self.declaration(training or {}),
        }
        self.stack.program(PROGRAM.format(**values) + more)

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

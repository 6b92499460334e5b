"""Monitoring on the real cluster, with a team, a GPU node and a receiver of alerts, all of the tests' own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import Event, Thread
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import requests
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from common import paths
from infra.catalogue.images import GPU_SIMULATOR
from infra.catalogue.names import SIMULATED_LABEL, STACK_LABEL, labels
from offline.cluster.addresses import CONTEXT, NODE_NAME
from tests.cluster.monitoring.images import SERVING
from tests.cluster.monitoring.lookup import KNOWN, model, question
from tests.cluster.monitoring.scripts import RECEIVER, REGISTER
from tests.pulumi_engine import Pulumi
from tests.waiting import eventually

HOOK_PORT = ENDPOINT_PORT = 8080
_REGISTERED = {
    "MODEL_NAME": "digits",
    "MODEL_URI": "models:/digits@champion",
    "MLFLOW_TRACKING_URI": "file:///models/registry",
    "MLFLOW_ALLOW_FILE_STORE": "true",
}
PROGRAM = """
import sys

sys.path.insert(0, {repository!r})

import pulumi
import pulumi_kubernetes as kubernetes

from infra.catalogue.alerts.idle import IdleLimit
from infra.declaration.monitoring import Monitoring as Settings
from infra.foundation import Volume
from infra.images import BuiltImage
from infra.observability.prometheus import Monitoring, MonitoringArgs
from infra.tenancy import Destination, Priorities, PrioritiesArgs, Workspace, WorkspaceArgs
from infra.tenancy import platform_policies, team_policies

images = {{name: BuiltImage(name, "", "", pulumi.Output.from_input(image)) for name, image in {images!r}.items()}}
cluster = kubernetes.Provider("kubernetes", context={context!r}, enable_config_map_mutable=True)
on_cluster = pulumi.ResourceOptions(providers=[cluster])
tracking = Destination({platform!r}, {{"app.kubernetes.io/name": "tracking"}}, 5000)
priorities = Priorities("priorities", PrioritiesArgs({platform!r}), on_cluster)


def workspace(name, component, policies, team=None):
    args = WorkspaceArgs({platform!r}, component, None, team=team, policies=policies, priorities=priorities)
    return Workspace(name, args, on_cluster)


own = workspace({platform!r}, "platform", platform_policies(tracking))
team = workspace({team!r}, "team", team_policies(tracking, []), {team!r})
monitoring = Monitoring(
    "monitoring",
    MonitoringArgs(
        settings=Settings.model_validate({settings!r}),
        stack={platform!r},
        workspace=own,
        teams={{{team!r}: team}},
        endpoints={{"digits": {team!r}}},
        image=images["prometheus"],
        gpu_simulator=images["gpu-simulator"],
        pools={{}},
        secrets={{"hook-token": pulumi.Output.secret("token-of-the-hook")}},
        volume=Volume(None),
        protect_data=False,
        idle=[IdleLimit({team!r}, "training", "letters", below=5, for_=1800, then="notify")],
    ),
    on_cluster,
)
pulumi.export("service", monitoring.service)
"""


@dataclass
class World:
    """`word` is what the endpoint is asked for, `answered` the last status of its answers."""

    core: client.CoreV1Api
    images: Mapping[str, str]
    word: int = KNOWN
    answered: int | None = None
    run: str = field(default_factory=lambda: f"mon-{uuid4().hex[:6]}")

    @property
    def platform(self) -> str:
        return self.run

    @property
    def team(self) -> str:
        return f"{self.run}-red"

    @property
    def gpu_node(self) -> str:
        return f"{self.run}-gpu"

    def settings(self) -> dict[str, Any]:
        """As short as a busy machine allows, so that a test doesn't wait for what a person would."""
        hook = {"webhook": {"url": f"http://hook.{self.platform}.svc:{HOOK_PORT}/alerts", "token": "hook-token"}}
        return {
            "scrapeInterval": "2s",
            "sloWindow": "1d",
            "retention": "1d",
            "storage": "1Gi",
            "alerts": {
                "PodCrashLoops": {"for": "10s"},
                "GpuJobPending": {"for": "5s"},
                "PodUnschedulable": {"for": "5s"},
                "JobRefused": {"for": "5s"},
                "TargetDown": {"for": "30s"},
            },
            "receivers": {"hook": hook},
            "routes": {"platform": "hook", self.team: "hook"},
            "notifications": {"groupWait": "1s", "groupInterval": "2s", "repeatInterval": "1h"},
        }

    def program(self) -> str:
        return PROGRAM.format(
            repository=str(paths.REPOSITORY),
            context=CONTEXT,
            platform=self.platform,
            team=self.team,
            images=dict(self.images),
            settings=self.settings(),
        )

    def up(self, stack: Pulumi) -> None:
        stack.program(self.program())
        stack.up()

    def populate(self) -> None:
        """The receiver and a simulated node."""
        accounts = self.core.list_namespaced_service_account
        eventually(lambda: accounts(self.platform).items and accounts(self.team).items, what="the service accounts")
        self.core.create_namespaced_pod(self.platform, self.pod("hook", RECEIVER, {"app": "hook"}))
        hook = {"selector": {"app": "hook"}, "ports": [{"port": HOOK_PORT}]}
        self.core.create_namespaced_service(self.platform, {"metadata": {"name": "hook"}, "spec": hook})
        self.core.create_node(self._node())
        eventually(lambda: self.is_ready(self.platform, "hook"), 120, "the receiver")

    def serve(self) -> None:
        """An endpoint of the platform's own code, with a model that knows some words."""
        self.core.create_namespaced_pod(self.team, self._endpoint())
        eventually(lambda: self.is_ready(self.team, "digits-0"), 240, "the endpoint")

    @contextmanager
    def asked(self) -> Iterator[None]:
        """The endpoint is, five times a second."""
        address = self.core.read_namespaced_pod("digits-0", self.team).status.pod_ip
        url = f"http://{address}:{ENDPOINT_PORT}/v2/models/digits/infer"
        over = Event()

        def ask() -> None:
            while not over.wait(0.2):
                with suppress(requests.RequestException):
                    self.answered = requests.post(url, json=question(self.word), timeout=5).status_code

        thread = Thread(target=ask)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def remove_node(self) -> None:
        """It belongs to no namespace that goes."""
        try:
            self.core.delete_node(self.gpu_node)
        except ApiException as error:
            if error.status != 404:
                raise

    def _node(self) -> dict[str, Any]:
        offered = {"cpu": "8", "memory": "32Gi", "pods": "110", "nvidia.com/gpu": "1"}
        marks = {"type": "kwok", SIMULATED_LABEL: "true", STACK_LABEL: self.platform}
        kind = {"kubernetes.io/hostname": self.gpu_node, "nvidia.com/gpu.product": "NVIDIA-A10G"}
        taint = {"key": SIMULATED_LABEL, "value": "true", "effect": "NoSchedule"}
        return {
            "metadata": {
                "name": self.gpu_node,
                "annotations": {"kwok.x-k8s.io/node": "fake"},
                "labels": {**marks, **kind},
            },
            "spec": {"taints": [taint]},
            "status": {"allocatable": offered, "capacity": offered},
        }

    def pod(self, name: str, script: str, marks: Mapping[str, str], restart: str = "Always") -> dict[str, Any]:
        """A script of Python under the rules that every pod is under."""
        container = {
            "name": "main",
            "image": self.images[GPU_SIMULATOR],
            "imagePullPolicy": "Never",
            "command": ["python", "-c", script],
            "ports": [{"name": "http", "containerPort": HOOK_PORT}],
            "resources": {kind: {"cpu": "20m", "memory": "64Mi"} for kind in ("requests", "limits")},
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        }
        container["resources"]["limits"]["cpu"] = "500m"  # type: ignore[index]
        if script == RECEIVER:
            container["readinessProbe"] = {"tcpSocket": {"port": HOOK_PORT}, "periodSeconds": 1}
        security = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
        spec = {"restartPolicy": restart, "containers": [container], "securityContext": security}
        place = {"nodeSelector": {"kubernetes.io/hostname": NODE_NAME}, "terminationGracePeriodSeconds": 0}
        return {"metadata": {"name": name, "labels": dict(marks)}, "spec": {**spec, **place}}

    def _endpoint(self) -> dict[str, Any]:
        """The image as it is; beforehand, what it serves is registered in a folder."""
        pod = self.pod("digits-0", "", labels("digits", "serving"))
        (container,) = pod["spec"]["containers"]
        del container["command"]
        container["image"] = self.images[SERVING]
        container["resources"] = {kind: {"cpu": "50m", "memory": "512Mi"} for kind in ("requests", "limits")}
        container["resources"]["limits"]["cpu"] = "1"
        container["env"] = [{"name": name, "value": value} for name, value in _REGISTERED.items()]
        container["volumeMounts"] = [{"name": "models", "mountPath": "/models"}]
        register = {**container, "name": "register", "command": ["python", "-c", REGISTER, model()]}
        container["readinessProbe"] = {"httpGet": {"path": "/v2/health/ready", "port": "http"}, "periodSeconds": 1}
        more = {"initContainers": [register], "volumes": [{"name": "models", "emptyDir": {}}]}
        return {**pod, "spec": {**pod["spec"], **more}}

    def is_ready(self, space: str, name: str) -> bool:
        conditions = self.core.read_namespaced_pod(name, space).status.conditions or []
        return any(each.type == "Ready" and each.status == "True" for each in conditions)

    def ask(self, path: str) -> Any:
        """Prometheus's own API, through the API server."""
        url = f"/api/v1/namespaces/{self.platform}/services/prometheus:9090/proxy/api/v1/{path}"
        answer = eventually(lambda: self._answer(url), 60, "a pod behind the service")
        assert answer is not None
        answer.raise_for_status()
        return answer.json()["data"]

    def _answer(self, url: str) -> requests.Response | None:
        """None while no pod is ready, or while the machine is too busy to answer."""
        known = self.core.api_client.configuration
        try:
            answer = requests.get(
                f"{known.host}{url}", cert=(known.cert_file, known.key_file), verify=known.ssl_ca_cert, timeout=30
            )
        except requests.RequestException:
            return None
        return None if answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE else answer

    def query(self, expression: str) -> list[dict[str, Any]]:
        result: list[dict[str, Any]] = self.ask(f"query?query={quote(expression)}")["result"]
        return result

    def value(self, expression: str) -> float | None:
        found = self.query(expression)
        return float(found[0]["value"][1]) if found else None

    def told(self, alert: str, status: str) -> list[dict[str, Any]]:
        """What the receiver was sent about one alert. Its last line may not have been written to its end."""
        *lines, _ = self.core.read_namespaced_pod_log("hook", self.platform).split("\n")
        sent = [each for line in lines if line.startswith("{") for each in json.loads(line)["alerts"]]
        return [each for each in sent if each["labels"]["alertname"] == alert and each["status"] == status]

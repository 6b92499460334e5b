"""The log store as the platform's own component makes it, with two teams and people in their groups."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from kubernetes import client

from cli import kubeconfig
from cli.forward import forward
from cli.logs import Server
from cli.stack import environment
from common import paths
from infra.catalogue.logs import READER_POD, READER_PORT
from infra.catalogue.names import LOCAL_POD_LOGS, LOGS_SECRET, logs_namespace
from infra.declaration.model import Platform
from offline.cluster.addresses import CONTEXT, NODE_IP
from tests.cluster import places
from tests.pulumi_engine import Pulumi
from tests.waiting import eventually

PROGRAM = """
import sys

sys.path.insert(0, {repository!r})

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_random

from infra.declaration.logs import Logs as Settings
from infra.foundation import Placement, Volume
from infra.foundation.local import egress
from infra.images import BuiltImage
from infra.observability.logs import Logs, LogsArgs
from infra.secrets.generated import GeneratedPassword
from infra.tenancy import Destination, Priorities, PrioritiesArgs, Workspace, WorkspaceArgs
from infra.tenancy import log_policies, platform_policies, team_policies

cluster = kubernetes.Provider("kubernetes", context={context!r}, enable_secret_mutable=True)
on_cluster = pulumi.ResourceOptions(providers=[cluster])
tracking = Destination({platform!r}, {{"app.kubernetes.io/name": "tracking"}}, 5000)
priorities = Priorities("priorities", PrioritiesArgs({platform!r}), on_cluster)


def workspace(name, component, policies, **more):
    args = WorkspaceArgs({platform!r}, component, None, policies=policies, priorities=priorities, **more)
    return Workspace(name, args, on_cluster)


def team(name):
    return workspace(name, "team", team_policies(tracking, egress({node!r})), team=name)


args = LogsArgs(
    settings=Settings(),
    image=BuiltImage("logs", "", "", pulumi.Output.from_input({image!r})),
    workspace=workspace({logs!r}, "logs", log_policies({platform!r}, egress({node!r})), pod_security="privileged"),
    platform=workspace({platform!r}, "platform", platform_policies(tracking)),
    teams={{name: team(name) for name in {groups!r}}},
    groups={groups!r},
    key=GeneratedPassword("logs", 0, pulumi.ResourceOptions(providers=[pulumi_random.Provider("random")])),
    volume=Volume(None),
    pod_logs={pod_logs!r},
    placement=Placement("", {{}}, [], simulated=False),
    protect_data=False,
)
Logs("logs", args, on_cluster)
"""
PRINTS = 'for n in $(/busybox seq 1 150); do echo line $n; done; echo \'{"file": "/var/log/pods/x"}\'; exit 1'


@dataclass
class World:
    core: client.CoreV1Api
    image: str
    folder: Path
    """For kubeconfigs."""
    run: str = field(default_factory=lambda: f"logs-{uuid4().hex[:6]}")

    @property
    def red(self) -> str:
        return f"{self.run}-red"

    @property
    def blue(self) -> str:
        return f"{self.run}-blue"

    @property
    def namespace(self) -> str:
        return logs_namespace(self.run)

    def declared(self) -> Platform:
        """What `make logs` reads."""
        teams = (self.red, self.blue)
        job = {"team": self.red, "image": "training"}
        return Platform.model_validate(
            {
                "foundation": {"local": {}},
                "namespace": self.run,
                "images": {"training": {}},
                "teams": {team: {"groups": {"developer": [group(team)]}} for team in teams},
                "models": {"digits": {"team": self.red}},
                "training": {"digits": {**job, "model": "digits"}},
                "batch": {"digits-report": job},
                "monitoring": {"logs": {}},
            }
        )

    def up(self, stack: Pulumi) -> None:
        stack.program(
            PROGRAM.format(
                repository=str(paths.REPOSITORY),
                context=CONTEXT,
                platform=self.run,
                logs=self.namespace,
                groups={team: [group(team)] for team in (self.red, self.blue)},
                image=self.image,
                node=NODE_IP,
                pod_logs=LOCAL_POD_LOGS,
            )
        )
        stack.up()
        eventually(self.all_run, 120, "the store, the collector and the proxy", self._pods)

    def all_run(self) -> bool:
        pods = self._pods()
        return len(pods) == 3 and all(pods.values())

    def _pods(self) -> dict[str, bool]:
        """Whether each of the parts' pods is ready."""
        found = self.core.list_namespaced_pod(self.namespace).items
        return {pod.metadata.name: is_ready(pod) for pod in found if pod.metadata.name.startswith("log-")}

    def has(self, pod: str) -> bool:
        return pod in self._pods()

    def pod_of(self, part: str) -> str:
        return next(name for name in self._pods() if name.startswith(part))

    def prints(self, team: str, name: str, container: str) -> None:
        """Starts a pod that prints 151 lines and fails."""
        made = places.pod(name, PRINTS, {})
        made["spec"]["containers"][0]["name"] = container
        self.core.create_namespaced_pod(team, made)

    def ended(self, team: str, name: str) -> Any:
        """When its container ended; None while it runs."""
        statuses = self.core.read_namespaced_pod(name, team).status.container_statuses or []
        return next((each.state.terminated.finished_at for each in statuses if each.state.terminated), None)

    def login(self, team: str) -> tuple[str, str]:
        """As the Secret has it."""
        data = self.core.read_namespaced_secret(LOGS_SECRET, team).data
        username, password = (base64.b64decode(data[key]).decode() for key in ("username", "password"))
        return username, password

    def kubeconfig(self, team: str, of_group: str | None = None) -> Path:
        """Of a developer, or of a member of another group."""
        wanted = of_group or group(team)
        file = self.folder / f"{wanted}.kubeconfig"
        content = kubeconfig.kubeconfig(kubeconfig.api_client(CONTEXT), f"me@{team}", [wanted], team, 600)
        kubeconfig.write_private(file, content)
        return file

    def proxy(self) -> AbstractContextManager[str]:
        """Its address, for as long as the block runs."""
        return forward(self.namespace, f"pod/{READER_POD}", READER_PORT, CONTEXT, environment())

    def server(self, address: str, team: str) -> Server:
        return Server(address, self.login(team))


def is_ready(pod: Any) -> bool:
    return any(each.type == "Ready" and each.status == "True" for each in pod.status.conditions or [])


def group(team: str) -> str:
    return f"{team}-developers"


def as_developer(file: Path) -> Mapping[str, str]:
    return {**environment(), "KUBECONFIG": str(file)}

"""One page that says how the platform is, in the cluster behind a login. Nothing waits for it.

Pods of the platform's own namespace reach it, and people by a forwarded port, which ends in the pod itself: no network
policy has to let anybody in. It asks Prometheus and Alertmanager, its neighbours, and the API server as an account of
its own, which may list what the page shows and may read neither secrets nor configuration.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.apps.v1 import DeploymentSpecArgs
from pulumi_kubernetes.core.v1 import (
    ConfigMapVolumeSourceArgs,
    HTTPGetActionArgs,
    ProbeArgs,
    ServicePortArgs,
    ServiceSpecArgs,
    VolumeArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

from infra.declaration.model import Resources
from infra.foundation import Placement
from infra.images import BuiltImage
from infra.monitoring.access import Access, account, token_mount
from infra.monitoring.dashboards import DashboardFiles
from infra.naming import PROJECT, labels, selector
from infra.secrets import GeneratedPassword, lines
from infra.serving import Serving
from infra.team_secrets import ACCEPTED
from infra.tenancy import Workspace
from infra.training import Training
from infra.workload import Container, Mount, pod_template, secret_mount

NAME = "status"
PORT = 8080
_DECLARED, _FILE = "/etc/declared", "stack.json"
_DASHBOARDS = "/etc/dashboards"
_LOGIN = "/var/run/secrets/login"
_LIST = ("list",)
_READS = Access(
    everywhere=[("", ("nodes",), _LIST)],
    inside=[
        ("", ("events", "pods"), _LIST),
        ("apps", ("daemonsets", "deployments"), _LIST),
        ("batch", ("jobs",), _LIST),
    ],
)
_RESOURCES = Resources(cpu="25m", memory="96Mi")


@dataclass(frozen=True)
class StatusPageArgs:
    """What is declared is told to the page: only so can it miss something."""

    stack: str
    image: BuiltImage
    workspace: Workspace
    teams: Mapping[str, Workspace]
    endpoints: Mapping[str, Serving]
    jobs: Mapping[str, Training]
    pools: Mapping[str, Placement]
    dashboards: DashboardFiles
    prometheus: str
    alertmanager: str
    password: GeneratedPassword


class StatusPage(pulumi.ComponentResource):
    """A Deployment behind a Service of the same name."""

    namespace: str
    service: str
    password: pulumi.Output[str]

    def __init__(self, name: str, args: StatusPageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:StatusPage", name, None, opts)
        self._args = args
        self.namespace, self.service, self.password = args.workspace.namespace, NAME, args.password.current
        self._metadata = ObjectMetaArgs(name=NAME, namespace=self.namespace, labels=labels(NAME, NAME))
        self._child = pulumi.ResourceOptions(parent=self, depends_on=[args.workspace])
        reader = account(NAME, args.workspace, _READS, [args.workspace, *args.teams.values()], self)
        files = [self._declared(), self._login(), args.dashboards.config_map]
        self._service(self._deployment([*reader, *files]))
        self.register_outputs({"service": self.service})

    def _declared(self) -> pulumi.Resource:
        args = self._args
        content = {
            "stack": args.stack,
            "namespace": self.namespace,
            "teams": sorted(args.teams),
            "endpoints": {
                name: {"namespace": each.namespace, "model": each.model} for name, each in args.endpoints.items()
            },
            "jobs": {name: {"namespace": each.namespace, "job": each.job_name} for name, each in args.jobs.items()},
            "pools": {name: each.simulated for name, each in args.pools.items()},
        }
        data = {_FILE: json.dumps(content, indent=1, sort_keys=True)}
        return kubernetes.core.v1.ConfigMap(NAME, metadata=self._metadata, data=data, opts=self._child)

    def _login(self) -> pulumi.Resource:
        """The page reads it anew for each request, so that a renewal needs no new pod."""
        data = {ACCEPTED: lines(self._args.password.accepted)}
        return kubernetes.core.v1.Secret(NAME, metadata=self._metadata, string_data=data, opts=self._child)

    def _deployment(self, after: list[pulumi.Resource]) -> pulumi.Resource:
        return kubernetes.apps.v1.Deployment(
            NAME,
            metadata=self._metadata,
            spec=DeploymentSpecArgs(
                replicas=1,
                selector=LabelSelectorArgs(match_labels=selector(NAME, NAME)),
                template=pod_template(
                    self._container(), self._args.workspace, account=NAME, labels=labels(NAME, NAME), grace_seconds=5
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=after),
        )

    def _container(self) -> Container:
        args = self._args
        return Container(
            name=NAME,
            image=args.image.reference,
            resources=_RESOURCES,
            env={
                "PROMETHEUS_URL": args.prometheus,
                "ALERTMANAGER_URL": args.alertmanager,
                "DECLARED_FILE": f"{_DECLARED}/{_FILE}",
                "DASHBOARDS": _DASHBOARDS,
                "LOGIN_FILE": f"{_LOGIN}/{ACCEPTED}",
            },
            ports={"http": PORT},
            mounts=[
                _files("declared", NAME, _DECLARED),
                _files("dashboards", args.dashboards.name, _DASHBOARDS),
                secret_mount("login", NAME, _LOGIN),
                token_mount(),
            ],
            startup_probe=_probe(period=1, failures=60),
            readiness_probe=_probe(period=5, failures=2),
            liveness_probe=_probe(period=10, failures=3),
        )

    def _service(self, deployment: pulumi.Resource) -> None:
        kubernetes.core.v1.Service(
            NAME,
            metadata=self._metadata,
            spec=ServiceSpecArgs(
                selector=selector(NAME, NAME), ports=[ServicePortArgs(name="http", port=PORT, target_port="http")]
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[deployment]),
        )


def _files(name: str, config_map: str, path: str) -> Mount:
    source = ConfigMapVolumeSourceArgs(name=config_map)
    return Mount(VolumeArgs(name=name, config_map=source), path, read_only=True)


def _probe(period: int, failures: int) -> ProbeArgs:
    return ProbeArgs(
        http_get=HTTPGetActionArgs(path="/healthz", port="http"),
        period_seconds=period,
        failure_threshold=failures,
        timeout_seconds=5,
    )

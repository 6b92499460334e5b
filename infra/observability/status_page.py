"""The status page: the platform's state on one page, behind a login. `pulumi up` does not wait for it.

It is reached from the platform's own namespace, through `kubectl port-forward`, which no network policy has to allow,
and by the gateway where it has a host there. It queries Prometheus, Alertmanager and the API server; its service
account may list what the page shows, and may read neither Secrets nor ConfigMaps.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from infra.catalogue.names import PROJECT
from infra.declaration.workloads import Resources
from infra.foundation import Placement
from infra.gpu.devices import Devices
from infra.images import BuiltImage
from infra.observability.access import Namespaced, monitoring_account
from infra.observability.dashboards import DashboardFiles
from infra.secrets.generated import GeneratedPassword, lines
from infra.tenancy import Workspace
from infra.tenancy.team_secrets import ACCEPTED
from infra.workloads.api_access import Access, token_mount
from infra.workloads.deployment import DeploymentFactory, probe
from infra.workloads.pod import Container, config_mount, pod_template, secret_mount
from infra.workloads.serving.component import Serving
from infra.workloads.training.component import Training

NAME = "status"
PORT = 8080
_DECLARED, _FILE = "/etc/declared", "stack.json"
_DASHBOARDS = "/etc/dashboards"
_LOGIN = "/var/run/secrets/login"
_LIST = ("list",)
_READS = Access(
    cluster_wide=[("", ("nodes",), _LIST)],
    namespaced=[
        ("", ("events", "pods"), _LIST),
        ("apps", ("daemonsets", "deployments"), _LIST),
        ("batch", ("jobs",), _LIST),
    ],
)
_READS_QUEUES = Access(_READS.cluster_wide, [*_READS.namespaced, ("kueue.x-k8s.io", ("workloads",), _LIST)])
_RESOURCES = Resources(cpu="25m", memory="96Mi")
_GRACE_SECONDS = 5


@dataclass(frozen=True)
class StatusPageArgs:
    """The page gets the declared workloads, so that it can show which are missing. `pools` are those with GPUs."""

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
    queued: bool = False
    """Whether jobs wait in queues."""
    devices: Devices | None = None
    """None where no component accesses GPU devices."""


class StatusPage(pulumi.ComponentResource):
    """A Deployment behind a Service of the same name."""

    namespace: str
    service: str
    password: pulumi.Output[str]

    def __init__(self, name: str, args: StatusPageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:StatusPage", name, None, opts)
        self._args = args
        self.namespace, self.service, self.password = args.workspace.namespace, NAME, args.password.current
        server = DeploymentFactory(NAME, NAME, args.workspace, self)
        watched: list[Namespaced] = [args.workspace, *([args.devices] if args.devices else []), *args.teams.values()]
        after = [
            *monitoring_account(NAME, args.workspace, _READS_QUEUES if args.queued else _READS, watched, self),
            server.config({_FILE: json.dumps(self._declared(), indent=1, sort_keys=True)}),
            # The page reads it for each request: a rotated password needs no new pod.
            server.secret({ACCEPTED: lines(args.password.accepted)}),
            args.dashboards.config_map,
        ]
        template = pod_template(
            self._container(), args.workspace, account=NAME, labels=server.labels, grace_seconds=_GRACE_SECONDS
        )
        server.service(PORT, after=server.deployment(template, after))
        self.register_outputs({"service": self.service})

    def _declared(self) -> dict[str, object]:
        args = self._args
        return {
            "stack": args.stack,
            "namespace": self.namespace,
            "devices": args.devices.namespace if args.devices else None,
            "teams": sorted(args.teams),
            "endpoints": {
                name: {"namespace": each.namespace, "model": each.model} for name, each in args.endpoints.items()
            },
            "jobs": {name: {"namespace": each.namespace, "job": each.job_name} for name, each in args.jobs.items()},
            "pools": {
                name: {"labels": dict(each.node_selector), "simulated": each.simulated}
                for name, each in args.pools.items()
            },
            "queued": args.queued,
        }

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
                config_mount("declared", NAME, _DECLARED),
                config_mount("dashboards", args.dashboards.name, _DASHBOARDS),
                secret_mount("login", NAME, _LOGIN),
                token_mount(),
            ],
            startup_probe=probe("/healthz", period=1, failures=60),
            readiness_probe=probe("/healthz", period=5, failures=2),
            liveness_probe=probe("/healthz", period=10, failures=3),
        )

"""Prometheus, Alertmanager and the exporters, in the platform's namespace. No other resource waits for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.catalogue.alerts.gateway import CanaryLimit
from infra.catalogue.alerts.idle import IdleLimit
from infra.catalogue.names import METRICS_PORT_NAME, MONITORING, PROJECT, RECEIVERS, labels
from infra.declaration.monitoring import Monitoring as Settings
from infra.declaration.types import memory_bytes
from infra.declaration.workloads import Resources
from infra.foundation import IdentityBinder, Placement, RemoteWrite, Topic, Volume, WorkloadIdentity
from infra.gpu.exporter import GpuExporterArgs, gpu_exporter
from infra.images import BuiltImage
from infra.observability.access import ASKS_KUBELETS, monitoring_account
from infra.observability.alertmanager_config import SECRETS, alertmanager_config
from infra.observability.deployment import config_files, deploy, monitoring_server, probe
from infra.observability.exporters import gpu_simulator, kube_state_metrics, node_exporter
from infra.observability.prometheus_config import prometheus_config
from infra.observability.rules_file import rules_file
from infra.tenancy import Workspace
from infra.workloads.api_access import Access, token_mount
from infra.workloads.pod import Container, secret_mount

NAME, PORT = "prometheus", 9090
ALERTMANAGER, ALERTMANAGER_PORT = "alertmanager", 9093
_ALERTMANAGER_STORAGE = "1Gi"
_RETENTION_RATIO = 0.8
"""Of the volume; compaction needs the rest, since it writes blocks before it deletes their sources."""
_REPLAY = 900
"""Seconds for the replay of the write-ahead log, which would start again if the probe killed the pod."""


def no_identity(identity: WorkloadIdentity, opts: pulumi.ResourceOptions) -> Sequence[pulumi.Resource]:
    """The default: no workload identity outside of the cluster."""
    return ()


@dataclass(frozen=True)
class MonitoringArgs:
    """`endpoints` maps endpoints to namespaces; `secrets` and `topics` are those that receivers name."""

    settings: Settings
    stack: str
    workspace: Workspace
    teams: Mapping[str, Workspace]
    endpoints: Mapping[str, str]
    image: BuiltImage
    gpu_simulator: BuiltImage | None
    """None if GPUs are real."""
    pools: Mapping[str, Placement]
    secrets: Mapping[str, pulumi.Output[str]]
    volume: Volume
    protect_data: bool
    gpu_exporter: GpuExporterArgs | None = None
    """None if there are no real GPUs."""
    registry: str | None = None
    """The address of the registry's metrics; None if it exposes none."""
    metrics_store: RemoteWrite | None = None
    topics: Mapping[str, Topic] = field(default_factory=dict)
    bind_identity: IdentityBinder = no_identity
    idle: Sequence[IdleLimit] = ()
    """When runs are idle, by their jobs."""
    canaries: Sequence[CanaryLimit] = ()
    """When canaries are rolled back, by their endpoints."""
    logs: Workspace | None = None
    """The namespace of the log store, whose objects are watched; None: there is none."""
    gateway: Workspace | None = None
    """The namespace of the gateway, whose objects are watched and whose proxies are scraped; None: there is none."""


class Monitoring(pulumi.ComponentResource):
    """`service` and `port` serve Prometheus's HTTP API within the platform's namespace."""

    namespace: str
    service: str
    port: int

    def __init__(self, name: str, args: MonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:Monitoring", name, None, opts)
        self._args = args
        self.namespace, self.service, self.port = args.workspace.namespace, NAME, PORT
        self._gateway = [args.gateway] if args.gateway else []
        self._watched_namespaces = [args.workspace, *args.teams.values(), *self._gateway]
        self._devices = [args.gpu_exporter.devices] if args.gpu_exporter else []
        self._alertmanager()
        self._prometheus()
        logs = [args.logs] if args.logs else []
        kube_state_metrics(args.image, args.workspace, [*self._watched_namespaces, *self._devices, *logs], self)
        node_exporter(args.image, args.workspace, args.pools, self)
        if args.gpu_simulator is not None:
            with_gpus = [args.workspace, *args.teams.values()]
            gpu_simulator(args.gpu_simulator, args.stack, args.workspace, with_gpus, self)
        if args.gpu_exporter is not None:
            gpu_exporter(args.gpu_exporter, self)
        self.register_outputs({"service": self.service})

    def _prometheus(self) -> None:
        args, settings = self._args, self._args.settings
        server = monitoring_server(NAME, args.workspace, self)
        scraped = prometheus_config(
            settings,
            args.stack,
            self.namespace,
            sorted(args.teams),
            ALERTMANAGER,
            devices=[each.namespace for each in self._devices],
            gateway=args.gateway.namespace if args.gateway else None,
            registry=args.registry,
            store=args.metrics_store,
        )
        rules = rules_file(settings, args.endpoints, args.idle, args.canaries)
        files, config = config_files(server, {"prometheus.yml": scraped, "rules.yml": rules})
        data, claim = server.data(settings.storage, args.volume, args.protect_data)
        container = Container(
            name=NAME,
            image=args.image.reference,
            resources=Resources(cpu=settings.cpu, memory=settings.memory),
            args=[
                NAME,
                f"--web.listen-address=:{PORT}",
                f"--web.external-url={self._address(NAME, PORT)}",
                f"--storage.tsdb.retention.time={settings.retention}s",
                f"--storage.tsdb.retention.size={int(memory_bytes(settings.storage) * _RETENTION_RATIO)}B",
            ],
            ports={METRICS_PORT_NAME: PORT},
            mounts=[files, data, token_mount()],
            startup_probe=probe("/-/ready", period=1, failures=_REPLAY),
            readiness_probe=probe("/-/ready", period=10, failures=3),
            liveness_probe=probe("/-/healthy", period=30, failures=5),
        )
        depends_on = [
            *monitoring_account(NAME, args.workspace, ASKS_KUBELETS, [*self._watched_namespaces, *self._devices], self),
            *(self._identity(NAME, writes_metrics=True) if args.metrics_store else []),
            config,
            claim,
        ]
        server.service(PORT, METRICS_PORT_NAME, deploy(server, container, depends_on))

    def _alertmanager(self) -> None:
        args = self._args
        server = monitoring_server(ALERTMANAGER, args.workspace, self)
        routes = alertmanager_config(args.settings, self.namespace, args.topics)
        files, config = config_files(server, {"alertmanager.yml": routes})
        data, claim = server.data(_ALERTMANAGER_STORAGE, args.volume, args.protect_data)
        container = Container(
            name=ALERTMANAGER,
            image=args.image.reference,
            resources=Resources(cpu="25m", memory="96Mi"),
            args=[
                ALERTMANAGER,
                f"--web.listen-address=:{ALERTMANAGER_PORT}",
                f"--web.external-url={self._address(ALERTMANAGER, ALERTMANAGER_PORT)}",
                "--cluster.listen-address=",
            ],
            ports={METRICS_PORT_NAME: ALERTMANAGER_PORT},
            mounts=[files, data, secret_mount(RECEIVERS, RECEIVERS, SECRETS)],
            startup_probe=probe("/-/ready", period=1, failures=60),
            readiness_probe=probe("/-/ready", period=10, failures=3),
            liveness_probe=probe("/-/healthy", period=30, failures=5),
        )
        depends_on = [
            *monitoring_account(ALERTMANAGER, args.workspace, Access(), [], self),
            *(self._identity(ALERTMANAGER, publishes=sorted(args.topics)) if args.topics else []),
            config,
            claim,
            self._secrets(),
        ]
        server.service(ALERTMANAGER_PORT, METRICS_PORT_NAME, deploy(server, container, depends_on))

    def _address(self, service: str, port: int) -> str:
        """The external URL, used for links in notifications: the Service's name. By default it would be the pod's."""
        return f"http://{service}.{self.namespace}.svc:{port}"

    def _identity(
        self, name: str, *, writes_metrics: bool = False, publishes: Sequence[str] = ()
    ) -> Sequence[pulumi.Resource]:
        """The workload identity for services outside of the cluster."""
        identity = WorkloadIdentity(name, self.namespace, name, writes_metrics=writes_metrics, publishes=publishes)
        return self._args.bind_identity(identity, pulumi.ResourceOptions(parent=self))

    def _secrets(self) -> pulumi.Resource:
        """The receivers' secrets, mounted as files, which Alertmanager reads for each notification."""
        return kubernetes.core.v1.Secret(
            RECEIVERS,
            metadata=ObjectMetaArgs(name=RECEIVERS, namespace=self.namespace, labels=labels(RECEIVERS, MONITORING)),
            string_data=dict(self._args.secrets) or None,  # the provider shows an empty map as a change each time
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._args.workspace]),
        )

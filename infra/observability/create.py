"""Metrics, alerts, a status page, and dashboards in a Grafana where one is declared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from infra.catalogue.alerts.gateway import CanaryLimit
from infra.catalogue.alerts.idle import IdleLimit
from infra.catalogue.images import (
    DASHBOARDS,
    DCGM_EXPORTER,
    GPU_SIMULATOR,
    GRAFANA,
    LOGS,
    PROMETHEUS,
    STATUS,
)
from infra.declaration.monitoring import Monitoring as Settings
from infra.foundation import Foundation
from infra.gpu.devices import Devices
from infra.gpu.exporter import GpuExporterArgs
from infra.images import Images
from infra.observability.dashboards import DashboardFiles, DashboardFilesArgs
from infra.observability.dashboards.delivery import Delivery, DeliveryArgs, target
from infra.observability.deployed_grafana import Grafana, GrafanaArgs
from infra.observability.exporters import every_real_node
from infra.observability.logs import Logs, LogsArgs
from infra.observability.prometheus import ALERTMANAGER, ALERTMANAGER_PORT, Monitoring, MonitoringArgs
from infra.observability.status_page import StatusPage, StatusPageArgs
from infra.secrets.generated import GeneratedPassword
from infra.tenancy import Workspace
from infra.tenancy.team_secrets import TeamSecret
from infra.workloads.serving.component import Serving
from infra.workloads.training.component import Training


@dataclass(frozen=True)
class ObservabilityArgs:
    settings: Settings
    stack: str
    foundation: Foundation
    images: Images
    workspace: Workspace
    """The platform's own."""
    teams: Mapping[str, Workspace]
    secrets: Mapping[str, TeamSecret]
    training: Mapping[str, Training]
    serving: Mapping[str, Serving]
    idle: Sequence[IdleLimit]
    """When runs are idle, by their jobs."""
    canaries: Sequence[CanaryLimit]
    """When canaries are rolled back, by their endpoints."""
    devices: Devices | None
    """The namespace of privileged node agents; None: there are none."""
    logs: Workspace | None
    """The namespace of the log store; None: there is none."""
    grafana_url: str | None
    """Of the deployed Grafana, from outside the cluster."""
    gateway: Workspace | None
    """The namespace of the gateway; None: there is none."""
    groups: Mapping[str, Sequence[str]]
    """Those who may read each team's logs."""
    rotations: Mapping[str, int]
    protect_data: bool
    queued: bool
    """Whether jobs wait in queues."""


@dataclass(frozen=True)
class ObservabilityOutputs:
    status_page: StatusPage | None = None
    grafana: Grafana | Delivery | None = None


def create_observability(args: ObservabilityArgs, opts: pulumi.ResourceOptions) -> ObservabilityOutputs:
    """Everything that `monitoring` declares."""
    monitoring = _monitoring(args, opts)
    _logs(args, opts)
    prometheus = f"http://{monitoring.service}:{monitoring.port}"
    dashboards = DashboardFiles("dashboards", DashboardFilesArgs(args.workspace), opts)
    grafana = _grafana(args, dashboards, prometheus, opts)
    return ObservabilityOutputs(_status_page(args, dashboards, prometheus, opts), grafana)


def _monitoring(args: ObservabilityArgs, opts: pulumi.ResourceOptions) -> Monitoring:
    settings, foundation, images = args.settings, args.foundation, args.images
    return Monitoring(
        "monitoring",
        MonitoringArgs(
            settings=settings,
            stack=args.stack,
            workspace=args.workspace,
            teams=args.teams,
            endpoints={name: endpoint.namespace for name, endpoint in args.serving.items()},
            image=images.get(PROMETHEUS),
            gpu_simulator=images.get(GPU_SIMULATOR) if foundation.gpus == "simulated" else None,
            gpu_exporter=_gpu_exporter(args),
            pools=foundation.pools,
            secrets={name: args.secrets[name].value for name in settings.secrets()},
            registry=foundation.registry.metrics,
            volume=foundation.volume,
            protect_data=args.protect_data,
            metrics_store=foundation.metrics_store,
            topics=foundation.topics,
            bind_identity=foundation.bind_identity,
            idle=args.idle,
            canaries=args.canaries,
            logs=args.logs,
            gateway=args.gateway,
        ),
        opts,
    )


def _logs(args: ObservabilityArgs, opts: pulumi.ResourceOptions) -> None:
    settings, foundation = args.settings.logs, args.foundation
    if settings is None or args.logs is None:
        return
    own = LogsArgs(
        settings=settings,
        image=args.images.get(LOGS),
        workspace=args.logs,
        platform=args.workspace,
        teams=args.teams,
        groups=args.groups,
        key=_password(args, LOGS),
        volume=foundation.volume,
        pod_logs=foundation.pod_logs,
        placement=every_real_node(foundation.pools),
        protect_data=args.protect_data,
        others=[args.devices.namespace] if args.devices else [],
    )
    Logs(LOGS, own, opts)


def _gpu_exporter(args: ObservabilityArgs) -> GpuExporterArgs | None:
    pools = {name: placement for name, placement in args.foundation.pools.items() if placement.has_real_gpus}
    if args.devices is None or not pools:
        return None
    image = args.images.get(DCGM_EXPORTER)
    return GpuExporterArgs(image, devices=args.devices, pools=pools, interval=args.settings.scrape_interval)


def _status_page(
    args: ObservabilityArgs, dashboards: DashboardFiles, prometheus: str, opts: pulumi.ResourceOptions
) -> StatusPage:
    return StatusPage(
        STATUS,
        StatusPageArgs(
            stack=args.stack,
            image=args.images.get(STATUS),
            workspace=args.workspace,
            teams=args.teams,
            endpoints=args.serving,
            jobs=args.training,
            pools={name: placement for name, placement in args.foundation.pools.items() if placement.gpus},
            dashboards=dashboards,
            prometheus=prometheus,
            alertmanager=f"http://{ALERTMANAGER}:{ALERTMANAGER_PORT}",
            password=_password(args, STATUS),
            queued=args.queued,
            devices=args.devices,
        ),
        opts,
    )


def _grafana(
    args: ObservabilityArgs, dashboards: DashboardFiles, prometheus: str, opts: pulumi.ResourceOptions
) -> Grafana | Delivery | None:
    """The platform's own, or else dashboards are delivered to the declared or the managed one."""
    declared, managed = args.settings.grafana, args.foundation.grafana
    if declared is not None and declared.deployed is not None:
        own = GrafanaArgs(
            args.images.get(GRAFANA),
            args.workspace,
            dashboards,
            prometheus,
            _password(args, GRAFANA),
            args.grafana_url,
        )
        return Grafana(GRAFANA, own, opts)
    if declared is None and managed is None:
        return None
    where = target(declared, managed, args.secrets)
    image, bind = args.images.get(DASHBOARDS), args.foundation.bind_identity
    return Delivery(DASHBOARDS, DeliveryArgs(args.stack, where, image, args.workspace, bind, dashboards), opts)


def _password(args: ObservabilityArgs, name: str) -> GeneratedPassword:
    made_with = pulumi.ResourceOptions(providers=[args.foundation.random])
    return GeneratedPassword(name, args.rotations.get(name, 0), made_with)

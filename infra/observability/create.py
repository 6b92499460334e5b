"""How the platform is looked at: metrics, alerts, a status page, and dashboards in a Grafana where one is declared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from infra.catalogue import monitoring_images as of_monitoring
from infra.catalogue.names import DASHBOARDS, GRAFANA, STATUS
from infra.declaration import Platform
from infra.declaration.monitoring import Monitoring as Settings
from infra.foundation import Foundation, Volume
from infra.gpu.devices import Devices, gpu_pools
from infra.gpu.exporter import GpuExporterArgs
from infra.images import BuiltImage
from infra.observability.dashboards import DashboardFiles, DashboardFilesArgs
from infra.observability.dashboards.delivery import Delivery, DeliveryArgs, target
from infra.observability.grafana import Grafana, GrafanaArgs
from infra.observability.monitoring import ALERTMANAGER, ALERTMANAGER_PORT, Monitoring, MonitoringArgs
from infra.observability.status_page import StatusPage, StatusPageArgs
from infra.secrets.generated import GeneratedPassword
from infra.tenancy import Workspace
from infra.tenancy.team_secrets import TeamSecret
from infra.workloads.serving import Serving
from infra.workloads.training import Training


@dataclass(frozen=True)
class Seen:
    """All that is looked at, and what it takes to look."""

    declared: Platform
    stack: str
    foundation: Foundation
    images: Mapping[str, BuiltImage]
    workspace: Workspace
    """The platform's own."""
    teams: Mapping[str, Workspace]
    secrets: Mapping[str, TeamSecret]
    training: Mapping[str, Training]
    serving: Mapping[str, Serving]
    devices: Devices | None
    """Where what must see a node's devices runs; None where nothing does."""


@dataclass(frozen=True)
class Views:
    """Where people look."""

    status_page: StatusPage | None = None
    grafana: Grafana | Delivery | None = None


def needed_images(declared: Platform) -> list[str]:
    """Of those that the platform brings, what this declaration takes."""
    if declared.monitoring is None:
        return []
    simulated, real_gpus = declared.foundation.simulates_pools, bool(gpu_pools(declared))
    grafana = of_monitoring.drawing(deployed=declared.deploys_grafana, elsewhere=declared.grafana_is_elsewhere)
    return [STATUS, *of_monitoring.needed(simulated=simulated, real_gpus=real_gpus), *grafana]


def observe(seen: Seen, opts: pulumi.ResourceOptions) -> Views:
    """Everything that `monitoring` asks for; nothing without it."""
    settings = seen.declared.monitoring
    if settings is None:
        return Views()
    monitoring = _monitoring(seen, settings, opts)
    prometheus = f"http://{monitoring.service}:{monitoring.port}"
    dashboards = DashboardFiles("dashboards", DashboardFilesArgs(seen.workspace), opts)
    grafana = _grafana(seen, settings, dashboards, prometheus, opts)
    return Views(_status_page(seen, dashboards, prometheus, opts), grafana)


def _monitoring(seen: Seen, settings: Settings, opts: pulumi.ResourceOptions) -> Monitoring:
    declared, foundation, images = seen.declared, seen.foundation, seen.images
    return Monitoring(
        "monitoring",
        MonitoringArgs(
            settings=settings,
            stack=seen.stack,
            workspace=seen.workspace,
            teams=seen.teams,
            endpoints={name: endpoint.team for name, endpoint in declared.serving.items()},
            image=images[of_monitoring.PROMETHEUS],
            kube_state_metrics=images[of_monitoring.KUBE_STATE_METRICS],
            gpu_simulator=images.get(of_monitoring.GPU_SIMULATOR),
            gpu_exporter=_gpu_exporter(seen, settings),
            pools=foundation.pools,
            secrets={name: seen.secrets[name].value for name in settings.secrets()},
            registry=foundation.registry.metrics,
            volume=foundation.storage.volume or Volume(None),
            protect_data=declared.protect_data,
            metrics_store=foundation.metrics_store,
            topics=foundation.topics,
            bind_identity=foundation.bind_identity,
        ),
        opts,
    )


def _gpu_exporter(seen: Seen, settings: Settings) -> GpuExporterArgs | None:
    measured = gpu_pools(seen.declared)
    if seen.devices is None or not measured:
        return None
    return GpuExporterArgs(
        image=seen.images[of_monitoring.DCGM_EXPORTER],
        devices=seen.devices,
        pools={pool: seen.foundation.pools[pool] for pool in measured},
        interval=settings.scrape_interval,
    )


def _status_page(seen: Seen, dashboards: DashboardFiles, prometheus: str, opts: pulumi.ResourceOptions) -> StatusPage:
    return StatusPage(
        STATUS,
        StatusPageArgs(
            stack=seen.stack,
            image=seen.images[STATUS],
            workspace=seen.workspace,
            teams=seen.teams,
            endpoints=seen.serving,
            jobs=seen.training,
            pools={name: seen.foundation.pools[name] for name, pool in seen.declared.node_pools.items() if pool.gpu},
            dashboards=dashboards,
            prometheus=prometheus,
            alertmanager=f"http://{ALERTMANAGER}:{ALERTMANAGER_PORT}",
            password=_password(seen, STATUS),
            devices=seen.devices,
        ),
        opts,
    )


def _grafana(
    seen: Seen, settings: Settings, dashboards: DashboardFiles, prometheus: str, opts: pulumi.ResourceOptions
) -> Grafana | Delivery | None:
    workspace, images = seen.workspace, seen.images
    if seen.declared.deploys_grafana:
        args = GrafanaArgs(images[GRAFANA], workspace, dashboards, prometheus, _password(seen, GRAFANA))
        return Grafana(GRAFANA, args, opts)
    if seen.declared.grafana_is_elsewhere:
        where = target(settings.grafana, seen.foundation.grafana, seen.secrets)
        put = DeliveryArgs(seen.stack, where, images[DASHBOARDS], workspace, seen.foundation.bind_identity, dashboards)
        return Delivery(DASHBOARDS, put, opts)
    return None


def _password(seen: Seen, name: str) -> GeneratedPassword:
    made_with = pulumi.ResourceOptions(providers=[seen.foundation.random])
    return GeneratedPassword(name, seen.declared.rotations.get(name, 0), made_with)

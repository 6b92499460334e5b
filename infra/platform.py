"""The table of contents: what the platform consists of, in the order in which it comes up."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from infra import foundation as foundations
from infra.admission.component import Admission, AdmissionArgs
from infra.admission.exceptions import exceptions, pod_security
from infra.declaration import Platform
from infra.device_plugins import DevicePlugins, DevicePluginsArgs, own_plugin_pools
from infra.devices import Devices, DevicesArgs, gpu_pools
from infra.foundation import Volume
from infra.images import Images, ImagesArgs, image_sources
from infra.monitoring.alert import PLATFORM
from infra.monitoring.component import ALERTMANAGER, ALERTMANAGER_PORT, Monitoring, MonitoringArgs
from infra.monitoring.dashboards import DashboardFiles, DashboardFilesArgs
from infra.monitoring.dashboards.delivery import Delivery, DeliveryArgs, target
from infra.monitoring.gpu_exporter import GpuExporterArgs
from infra.monitoring.grafana import Grafana, GrafanaArgs
from infra.monitoring.images import DCGM_EXPORTER, GPU_SIMULATOR, KUBE_STATE_METRICS, PROMETHEUS
from infra.monitoring.images import drawing as grafana_images
from infra.monitoring.images import needed as monitoring_images
from infra.naming import ADMINISTRATOR, BASE, DASHBOARDS, GRAFANA, NVIDIA_DEVICE_PLUGIN, STATUS, TRACKING, selector
from infra.outputs import Outputs, outputs
from infra.secrets import GeneratedPassword, TrackingLogins
from infra.serving import Serving, ServingArgs
from infra.status_page import StatusPage, StatusPageArgs
from infra.team_secrets import TeamSecrets, TeamSecretsArgs
from infra.tenancy import (
    Priorities,
    PrioritiesArgs,
    Server,
    TrackingAccess,
    Workspace,
    WorkspaceArgs,
    platform_policies,
    team_policies,
)
from infra.tracking import PORT, Tracking, TrackingArgs
from infra.training import Training, TrainingArgs


def build(declared: Platform, stack: str, given: Mapping[str, pulumi.Output[str]]) -> Outputs:
    """Everything that one declaration asks for; `given` are the values of its secrets that are not generated."""
    plugin_pools, measured_pools = own_plugin_pools(declared), gpu_pools(declared) if declared.monitoring else []
    needed = [*([NVIDIA_DEVICE_PLUGIN] if plugin_pools else [])]
    if declared.monitoring is not None:
        simulated = declared.foundation.simulates_pools
        needed += [STATUS, *monitoring_images(simulated=simulated, real_gpus=bool(measured_pools))]
    needed += grafana_images(deployed=declared.deploys_grafana, elsewhere=declared.grafana_is_elsewhere)
    sources = image_sources(declared.images, needed)
    foundation = foundations.lay(declared, stack, images=[BASE, *sources])
    on_cluster = pulumi.ResourceOptions(providers=[foundation.kubernetes])
    pull_config = foundation.registry.pull_config
    excepted = exceptions(declared.namespace, declared.policy.exceptions)
    base = pulumi.Output.from_input(foundation.registry.repositories[BASE])
    own_images = base.apply(lambda repository: repository.removesuffix(f"/{BASE}"))
    admission = Admission("admission", AdmissionArgs(declared.namespace, stack, own_images, excepted), on_cluster)
    # Nothing runs in a namespace before the cluster looks at what comes into it.
    admitted = pulumi.ResourceOptions(providers=[foundation.kubernetes], depends_on=[admission])

    images = Images(
        "images",
        ImagesArgs(registry=foundation.registry, base_image=foundation.base_image, sources=sources),
        pulumi.ResourceOptions(providers=[foundation.registry.builder]),
    ).built

    devices: Devices | None = None
    if plugin_pools or measured_pools:
        devices = Devices("devices", DevicesArgs(stack, declared.namespace), admitted)
    if devices is not None and plugin_pools:
        pools = {pool: foundation.pools[pool] for pool in plugin_pools}
        args = DevicePluginsArgs(devices, images[NVIDIA_DEVICE_PLUGIN], pools)
        DevicePlugins("device-plugins", args, on_cluster)

    logins = TrackingLogins(
        "tracking", declared.rotations.get(TRACKING, 0), pulumi.ResourceOptions(providers=[foundation.random])
    )
    priorities = Priorities("priorities", PrioritiesArgs(declared.namespace), on_cluster)
    server = Server(declared.namespace, selector(TRACKING, TRACKING), PORT)
    own = Workspace(
        declared.namespace,
        WorkspaceArgs(
            stack,
            "platform",
            pull_config,
            policies=platform_policies(stack, server),
            priorities=priorities,
            adopting=foundation.adopting,
            pod_security=pod_security(declared.namespace, excepted),
        ),
        admitted,
    )
    tracking = Tracking(
        "tracking",
        TrackingArgs(declared.tracking, images[TRACKING], own, foundation, logins, declared.protect_data),
        on_cluster,
    )

    teams = {
        team: Workspace(
            team,
            WorkspaceArgs(
                stack,
                "team",
                pull_config,
                TrackingAccess(tracking.uri, logins.of(team)),
                team,
                settings=settings,
                policies=team_policies(server, foundation.egress),
                priorities=priorities,
                adopting=foundation.adopting,
                pod_security=pod_security(team, excepted),
            ),
            admitted,
        )
        for team, settings in declared.teams.items()
    }
    secrets = TeamSecrets(
        "secrets",
        TeamSecretsArgs(declared.secrets, given, declared.rotations, {PLATFORM: own, **teams}, foundation),
        pulumi.ResourceOptions(providers=[foundation.kubernetes, foundation.random]),
    ).by_name
    # Whatever talks to the tracking server waits for it.
    after_tracking = pulumi.ResourceOptions(providers=[foundation.kubernetes], depends_on=[tracking])
    training = {
        name: Training(
            name,
            TrainingArgs(
                settings=job,
                image=images[job.image],
                workspace=teams[job.team],
                foundation=foundation,
                secrets=[secrets[secret] for secret in job.secrets],
                placement=foundation.pools[job.pool] if job.pool else None,
            ),
            after_tracking,
        )
        for name, job in declared.training.items()
    }
    serving = {
        name: Serving(
            name,
            ServingArgs(
                settings=endpoint,
                image=images[endpoint.image],
                workspace=teams[endpoint.team],
                foundation=foundation,
                secrets=[secrets[secret] for secret in endpoint.secrets],
                api_key=secrets[endpoint.api_key] if endpoint.api_key else None,
                trained_by=[job for job in training.values() if job.model == endpoint.model and not job.simulated],
            ),
            after_tracking,
        )
        for name, endpoint in declared.serving.items()
    }
    status_page: StatusPage | None = None
    grafana: Grafana | Delivery | None = None
    if declared.monitoring is not None:
        monitoring = Monitoring(
            "monitoring",
            MonitoringArgs(
                settings=declared.monitoring,
                stack=stack,
                workspace=own,
                teams=teams,
                endpoints={name: endpoint.team for name, endpoint in declared.serving.items()},
                image=images[PROMETHEUS],
                kube_state_metrics=images[KUBE_STATE_METRICS],
                gpu_simulator=images.get(GPU_SIMULATOR),
                pools=foundation.pools,
                secrets={name: secrets[name].value for name in declared.monitoring.secrets()},
                registry=foundation.registry.metrics,
                volume=foundation.storage.volume or Volume(None),
                protect_data=declared.protect_data,
                gpu_exporter=(
                    GpuExporterArgs(
                        image=images[DCGM_EXPORTER],
                        devices=devices,
                        pools={pool: foundation.pools[pool] for pool in measured_pools},
                        interval=declared.monitoring.scrape_interval,
                    )
                    if devices is not None and measured_pools
                    else None
                ),
                metrics_store=foundation.metrics_store,
                topics=foundation.topics,
                bind_identity=foundation.bind_identity,
            ),
            on_cluster,
        )
        prometheus = f"http://{monitoring.service}:{monitoring.port}"
        dashboards = DashboardFiles("dashboards", DashboardFilesArgs(own), on_cluster)
        status_page = StatusPage(
            STATUS,
            StatusPageArgs(
                stack=stack,
                image=images[STATUS],
                workspace=own,
                teams=teams,
                endpoints=serving,
                jobs=training,
                pools=foundation.pools,
                dashboards=dashboards,
                prometheus=prometheus,
                alertmanager=f"http://{ALERTMANAGER}:{ALERTMANAGER_PORT}",
                password=GeneratedPassword(
                    STATUS, declared.rotations.get(STATUS, 0), pulumi.ResourceOptions(providers=[foundation.random])
                ),
            ),
            on_cluster,
        )
        if declared.deploys_grafana:
            password = GeneratedPassword(
                GRAFANA, declared.rotations.get(GRAFANA, 0), pulumi.ResourceOptions(providers=[foundation.random])
            )
            grafana = Grafana(GRAFANA, GrafanaArgs(images[GRAFANA], own, dashboards, prometheus, password), on_cluster)
        elif declared.grafana_is_elsewhere:
            where = target(declared.monitoring.grafana, foundation.grafana, secrets)
            put = DeliveryArgs(stack, where, images[DASHBOARDS], own, foundation.bind_identity, dashboards)
            grafana = Delivery(DASHBOARDS, put, on_cluster)
    return outputs(foundation, images, tracking, logins.of(ADMINISTRATOR), training, serving, status_page, grafana)

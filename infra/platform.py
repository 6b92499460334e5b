"""The table of contents: what the platform consists of, in the order in which it is created."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from infra.catalogue.images import CONTROLLERS, GATEWAY, GRAFANA, JOBSET, KUEUE, NVIDIA_DEVICE_PLUGIN, TRACKING
from infra.catalogue.names import ADMINISTRATOR, PLATFORM
from infra.catalogue.pod_exceptions import exceptions
from infra.declaration.gateway import exposed
from infra.declaration.idle_rules import idle_limits
from infra.declaration.model import Platform
from infra.declaration.queues import gpu_pools, namespace_quota, shares
from infra.declaration.teams import Team
from infra.foundation import Foundation, Placement, create_foundation
from infra.gateway.autoscaler import Autoscaler, AutoscalerArgs
from infra.gateway.gateway import Gateway, GatewayArgs
from infra.gateway.pages import Page
from infra.gpu.checks import GpuCheck, GpuChecks, GpuChecksArgs
from infra.gpu.device_plugins import DevicePlugins, DevicePluginsArgs
from infra.gpu.devices import Devices, DevicesArgs
from infra.images import Images, ImagesArgs
from infra.job_sets.controller import JobSets, JobSetsArgs
from infra.job_sets.definition import JobSetDefinition
from infra.namespaces import Namespaces
from infra.networking.gateway import AUTOSCALER
from infra.observability import canary_rollback
from infra.observability.create import ObservabilityArgs, ObservabilityOutputs, create_observability
from infra.observability.responder import Responder
from infra.outputs import outputs, workload_outputs
from infra.pages import exposed_pages, urls
from infra.queues import LocalQueues, LocalQueuesArgs, Quotas, QuotasArgs, run_stopper
from infra.queues.controller import ControllerArgs, QueueController
from infra.secrets.generated import TrackingLogins
from infra.tenancy import (
    Priorities,
    PrioritiesArgs,
    TrackingAccess,
    Workspace,
)
from infra.tenancy.admission import Admission, AdmissionArgs
from infra.tenancy.team_secrets import TeamSecret, TeamSecrets, TeamSecretsArgs
from infra.tracking import Tracking, TrackingArgs
from infra.workloads.access import Outside
from infra.workloads.queue import Queue
from infra.workloads.runtime import Runtime, Workloads, create_workloads
from infra.workloads.serving.canary import canary_limits
from infra.workloads.serving.settings import SERVING
from infra.workloads.training.settings import TRAINING


def build(declared: Platform, stack: str, provided_secrets: Mapping[str, pulumi.Output[str]]) -> dict[str, Any]:
    """Creates everything that one declaration asks for."""
    foundation = create_foundation(declared, stack, provided_secrets)
    images = _images(declared, foundation)
    namespaces = _namespaces(declared, foundation)
    devices = _devices(declared, foundation, namespaces)
    _device_plugins(foundation, images, devices)

    job_set_definition = _job_set_definition(declared, foundation)
    queues = _queues(declared, foundation, images, namespaces, job_set_definition)
    own = namespaces.of_platform()
    logins = _logins(declared, foundation)
    pages = exposed_pages(declared, foundation)
    tracking = _tracking(declared, foundation, images, own, logins, urls(pages).get(TRACKING))
    after = [queues.controller, queues.quotas] if queues else []
    access = {name: TrackingAccess(tracking.uri, logins.of(name)) for name in declared.teams}
    teams = {
        name: namespaces.of_team(name, _with_namespace_quota(declared, name), access[name], after)
        for name in declared.teams
    }
    secrets = _secrets(declared, foundation, provided_secrets, {PLATFORM: own, **teams})

    gateway = _gateway(declared, foundation, images, namespaces, own, teams, pages)
    runtime = Runtime(
        images,
        teams,
        secrets,
        foundation.pools,
        foundation.bind_identity,
        foundation.volume,
        _outside(declared, foundation),
        _job_sets(foundation, images, own, teams, job_set_definition),
        queues.of_teams(declared, teams) if queues else {},
        gateway.listener if gateway else None,
    )
    # They use the tracking server when they start, so they wait for it.
    workloads = create_workloads(declared, runtime, _on_cluster(foundation, tracking))
    views = _observability(declared, stack, foundation, runtime, own, devices, namespaces, gateway, workloads, pages)
    _responders(declared, foundation, runtime, own)
    _autoscaler(declared, foundation, runtime, own, gateway, workloads)
    for image in declared.images:
        images.get(image)
    checks = _gpu_checks(declared, foundation, images, own)
    own_outputs = outputs(
        foundation,
        images.built,
        tracking,
        logins.of(ADMINISTRATOR),
        views.status_page,
        views.grafana,
        checks,
        gateway,
        urls(pages),
    )
    return {**own_outputs, **workload_outputs(workloads)}


def _images(declared: Platform, foundation: Foundation) -> Images:
    return Images(
        "images",
        ImagesArgs(foundation.registry, foundation.base_image, declared.images),
        pulumi.ResourceOptions(providers=[foundation.registry.builder]),
    )


def _has_job_sets(declared: Platform) -> bool:
    return any(job.workers > 1 for job in declared.training.values())


def _namespaces(declared: Platform, foundation: Foundation) -> Namespaces:
    on_cluster = _on_cluster(foundation)
    excepted = exceptions(declared.namespace, declared.policy.exceptions)
    admission_args = AdmissionArgs(declared.namespace, foundation.registry.prefix, excepted)
    return Namespaces(
        platform=declared.namespace,
        foundation=foundation,
        excepted=excepted,
        admission=Admission("admission", admission_args, on_cluster),
        priorities=Priorities("priorities", PrioritiesArgs(declared.namespace), on_cluster),
        queued=declared.queues is not None,
        job_sets=_has_job_sets(declared),
    )


@dataclass(frozen=True)
class _Queues:
    foundation: Foundation
    controller: QueueController
    quotas: Quotas

    def of_teams(self, declared: Platform, teams: Mapping[str, Workspace]) -> Mapping[str, Queue]:
        groups = sorted({group for team in declared.teams.values() for _, group in team.groups.named()})
        args = LocalQueuesArgs(declared.namespace, self.controller, teams, groups)
        return LocalQueues("queues-of-teams", args, _on_cluster(self.foundation)).by_team


def _job_set_definition(declared: Platform, foundation: Foundation) -> JobSetDefinition | None:
    return JobSetDefinition("job-set-definition", _on_cluster(foundation)) if _has_job_sets(declared) else None


def _queues(
    declared: Platform,
    foundation: Foundation,
    images: Images,
    namespaces: Namespaces,
    job_sets: JobSetDefinition | None,
) -> _Queues | None:
    if declared.queues is None:
        return None
    pools = {name: foundation.pools[name] for name in gpu_pools(declared)}
    # No quota has them: what pods get with GPUs is on their node, and GPUs are counted.
    uncounted = {"ephemeral-storage"}
    for name, pool in pools.items():
        gpu = declared.node_pools[name].gpu
        uncounted.update(pool.resources_with(gpu.count) if gpu else ())
    controller = QueueController(
        "queues",
        ControllerArgs(
            declared.queues, declared.namespace, images.get(KUEUE), namespaces.of_queues(), sorted(uncounted), job_sets
        ),
        _on_cluster(foundation),
    )
    args = QuotasArgs(declared.namespace, declared.queues, shares(declared), pools)
    return _Queues(foundation, controller, Quotas("quotas", args, _on_cluster(foundation, controller)))


def _with_namespace_quota(declared: Platform, team: str) -> Team:
    return declared.teams[team].model_copy(update={"quota": namespace_quota(declared, team)})


def _devices(declared: Platform, foundation: Foundation, namespaces: Namespaces) -> Devices | None:
    """Needed by device plugins, and by the GPU exporter where monitoring is declared."""
    measured = declared.monitoring is not None and any(pool.has_real_gpus for pool in foundation.pools.values())
    if not measured and not _without_device_plugin(foundation):
        return None
    args = DevicesArgs(declared.namespace, foundation.registry.pull_config)
    return Devices("devices", args, namespaces.options)


def _device_plugins(foundation: Foundation, images: Images, devices: Devices | None) -> None:
    pools = _without_device_plugin(foundation)
    if devices is not None and pools:
        args = DevicePluginsArgs(devices, images.get(NVIDIA_DEVICE_PLUGIN), pools)
        DevicePlugins("device-plugins", args, _on_cluster(foundation))


def _without_device_plugin(foundation: Foundation) -> Mapping[str, Placement]:
    return {name: placement for name, placement in foundation.pools.items() if placement.needs_device_plugin}


def _gpu_checks(declared: Platform, foundation: Foundation, images: Images, workspace: Workspace) -> Mapping[str, str]:
    """The CronJobs by pool."""
    checks = {
        name: GpuCheck(foundation.pools[name], images.get(pool.gpu.check_image), pool.gpu.count)
        for name, pool in declared.node_pools.items()
        if pool.gpu is not None and pool.gpu.check_image is not None
    }
    if not checks:
        return {}
    return GpuChecks("gpu-checks", GpuChecksArgs(workspace, checks), _on_cluster(foundation)).cron_jobs


def _job_sets(
    foundation: Foundation,
    images: Images,
    workspace: Workspace,
    teams: Mapping[str, Workspace],
    definition: JobSetDefinition | None,
) -> list[pulumi.Resource]:
    if definition is None:
        return []
    args = JobSetsArgs(definition, images.get(JOBSET), workspace, teams)
    return [JobSets("job-sets", args, _on_cluster(foundation)).ready]


def _gateway(
    declared: Platform,
    foundation: Foundation,
    images: Images,
    namespaces: Namespaces,
    own: Workspace,
    teams: Mapping[str, Workspace],
    pages: list[Page],
) -> Gateway | None:
    if declared.gateway is None or foundation.entrance is None:
        return None
    asked = exposed(declared)
    args = GatewayArgs(
        platform=declared.namespace,
        replicas=declared.gateway.replicas,
        entrance=foundation.entrance,
        image=images.get(GATEWAY),
        workspace=namespaces.of_gateway([page.pods for page in pages]),
        routed={name: teams[name] for name in asked.teams},
        exposed=asked,
        own=own,
        pages=pages,
        rotation=declared.rotations.get(GATEWAY, 0),
    )
    opts = pulumi.ResourceOptions(providers=[foundation.kubernetes, foundation.random], depends_on=[*foundation.ready])
    return Gateway(GATEWAY, args, opts)


def _autoscaler(
    declared: Platform,
    foundation: Foundation,
    runtime: Runtime,
    workspace: Workspace,
    gateway: Gateway | None,
    workloads: Workloads,
) -> None:
    """After the endpoints, whose first pods show that they start."""
    scaled = {name: endpoint for name, endpoint in declared.serving.items() if not endpoint.replicas.fixed}
    if scaled and gateway is not None:
        args = AutoscalerArgs(runtime.images.get(CONTROLLERS), workspace, gateway.namespace, runtime.teams, scaled)
        endpoints = [workloads[SERVING.section][name] for name in scaled]
        Autoscaler(AUTOSCALER, args, _on_cluster(foundation, gateway, *endpoints))


def _outside(declared: Platform, foundation: Foundation) -> Outside:
    return Outside(declared.datasets, foundation.object_stores, foundation.domain_egress)


def _logins(declared: Platform, foundation: Foundation) -> TrackingLogins:
    rotation = declared.rotations.get(TRACKING, 0)
    return TrackingLogins("tracking", rotation, pulumi.ResourceOptions(providers=[foundation.random]))


def _tracking(
    declared: Platform,
    foundation: Foundation,
    images: Images,
    workspace: Workspace,
    logins: TrackingLogins,
    url: str | None,
) -> Tracking:
    args = TrackingArgs(
        settings=declared.tracking,
        image=images.get(TRACKING),
        workspace=workspace,
        storage=foundation.storage,
        bind_identity=foundation.bind_identity,
        logins=logins,
        protect_data=declared.protect_data,
        url=url,
    )
    return Tracking("tracking", args, _on_cluster(foundation))


def _secrets(
    declared: Platform,
    foundation: Foundation,
    provided: Mapping[str, pulumi.Output[str]],
    workspaces: Mapping[str, Workspace],
) -> Mapping[str, TeamSecret]:
    mounted = {name: each for name, each in declared.secrets.items() if name not in declared.foundation.secrets}
    args = TeamSecretsArgs(mounted, provided, declared.rotations, workspaces, foundation.store_secret)
    opts = pulumi.ResourceOptions(providers=[foundation.kubernetes, foundation.random])
    return TeamSecrets("secrets", args, opts).by_name


def _observability(
    declared: Platform,
    stack: str,
    foundation: Foundation,
    runtime: Runtime,
    workspace: Workspace,
    devices: Devices | None,
    namespaces: Namespaces,
    gateway: Gateway | None,
    workloads: Workloads,
    pages: list[Page],
) -> ObservabilityOutputs:
    if declared.monitoring is None:
        return ObservabilityOutputs()
    args = ObservabilityArgs(
        settings=declared.monitoring,
        stack=stack,
        foundation=foundation,
        images=runtime.images,
        workspace=workspace,
        teams=runtime.teams,
        secrets=runtime.secrets,
        training=workloads.get(TRAINING.section, {}),
        serving=workloads.get(SERVING.section, {}),
        idle=idle_limits(declared),
        canaries=canary_limits(declared),
        devices=devices,
        logs=namespaces.of_logs() if declared.collects_logs else None,
        grafana_url=urls(pages).get(GRAFANA),
        gateway=gateway.workspace if gateway else None,
        groups={name: [*team.groups.developer, *team.groups.admin] for name, team in declared.teams.items()},
        rotations=declared.rotations,
        protect_data=declared.protect_data,
        queued=declared.queues is not None,
    )
    return create_observability(args, _on_cluster(foundation))


def _responders(declared: Platform, foundation: Foundation, runtime: Runtime, workspace: Workspace) -> None:
    """Each has an account of its own, and exists where something declares it."""
    idle = {limit.namespace for limit in idle_limits(declared) if limit.then == "stop"}
    watched = {limit.namespace for limit in canary_limits(declared)}
    for name, respond, teams in (
        (run_stopper.NAME, run_stopper.run_stopper, idle),
        (canary_rollback.NAME, canary_rollback.canary_rollback, watched),
    ):
        if teams:
            args = respond(runtime.images.get(CONTROLLERS), workspace, {team: runtime.teams[team] for team in teams})
            Responder(name, args, _on_cluster(foundation))


def _on_cluster(foundation: Foundation, *after: pulumi.Resource) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions(providers=[foundation.kubernetes], depends_on=[*foundation.ready, *after])

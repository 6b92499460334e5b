"""The table of contents: what the platform consists of, in the order in which it is created."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from infra.catalogue.images import TRACKING
from infra.catalogue.names import ADMINISTRATOR, PLATFORM
from infra.catalogue.pod_exceptions import exceptions
from infra.declaration.model import Platform
from infra.foundation import Foundation, create_foundation
from infra.images import Images, ImagesArgs
from infra.namespaces import Namespaces
from infra.outputs import outputs, workload_outputs
from infra.platform.gateway import create_autoscaler, create_gateway
from infra.platform.gpu import create_device_plugins, create_devices, create_gpu_checks
from infra.platform.observability import create_responders, create_views
from infra.platform.options import on_cluster
from infra.platform.pages import exposed_pages, urls
from infra.platform.queues import (
    create_job_set_definition,
    create_job_sets,
    create_queues,
    has_job_sets,
    with_namespace_quota,
)
from infra.secrets.generated import TrackingLogins
from infra.tenancy import Priorities, PrioritiesArgs, TrackingAccess, Workspace
from infra.tenancy.admission import Admission, AdmissionArgs
from infra.tenancy.team_secrets import TeamSecret, TeamSecrets, TeamSecretsArgs
from infra.tracking import Tracking, TrackingArgs
from infra.workloads.access import Outside
from infra.workloads.runtime import Runtime, create_workloads


def build(declared: Platform, stack: str, provided_secrets: Mapping[str, pulumi.Output[str]]) -> dict[str, Any]:
    """Creates everything that one declaration asks for."""
    foundation = create_foundation(declared, stack, provided_secrets)
    images = _images(declared, foundation)
    namespaces = _namespaces(declared, foundation)
    devices = create_devices(declared, foundation, namespaces)
    create_device_plugins(foundation, images, devices)

    job_set_definition = create_job_set_definition(declared, foundation)
    queues = create_queues(declared, foundation, images, namespaces, job_set_definition)
    own = namespaces.of_platform()
    logins = _logins(declared, foundation)
    pages = exposed_pages(declared, foundation)
    tracking = _tracking(declared, foundation, images, own, logins, urls(pages).get(TRACKING))
    after = [queues.controller, queues.quotas] if queues else []
    access = {name: TrackingAccess(tracking.uri, logins.of(name)) for name in declared.teams}
    teams = {
        name: namespaces.of_team(name, with_namespace_quota(declared, name), access[name], after)
        for name in declared.teams
    }
    secrets = _secrets(declared, foundation, provided_secrets, {PLATFORM: own, **teams})

    gateway = create_gateway(declared, foundation, images, namespaces, own, teams, pages)
    runtime = Runtime(
        images,
        teams,
        secrets,
        foundation.pools,
        foundation.bind_identity,
        foundation.volume,
        _outside(declared, foundation),
        create_job_sets(foundation, images, own, teams, job_set_definition),
        queues.of_teams(declared, teams) if queues else {},
        gateway.listener if gateway else None,
    )
    # They use the tracking server when they start, so they wait for it.
    workloads = create_workloads(declared, runtime, on_cluster(foundation, tracking))
    views = create_views(declared, stack, foundation, runtime, own, devices, namespaces, gateway, workloads, pages)
    create_responders(declared, foundation, runtime, own)
    create_autoscaler(declared, foundation, runtime, own, gateway, workloads)
    for image in declared.images:
        images.get(image)
    checks = create_gpu_checks(declared, foundation, images, own)
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


def _namespaces(declared: Platform, foundation: Foundation) -> Namespaces:
    options = on_cluster(foundation)
    excepted = exceptions(declared.namespace, declared.policy.exceptions)
    admission_args = AdmissionArgs(declared.namespace, foundation.registry.prefix, excepted)
    return Namespaces(
        platform=declared.namespace,
        foundation=foundation,
        excepted=excepted,
        admission=Admission("admission", admission_args, options),
        priorities=Priorities("priorities", PrioritiesArgs(declared.namespace), options),
        queued=declared.queues is not None,
        job_sets=has_job_sets(declared),
    )


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
    return Tracking("tracking", args, on_cluster(foundation))


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

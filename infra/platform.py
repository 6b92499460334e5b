"""The table of contents: what the platform consists of, in the order in which it comes up."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from infra import foundation as foundations
from infra.catalogue.names import ADMINISTRATOR, BASE, NVIDIA_DEVICE_PLUGIN, PLATFORM, TRACKING, selector
from infra.declaration import Platform
from infra.gpu.device_plugins import DevicePlugins, DevicePluginsArgs, own_plugin_pools
from infra.gpu.devices import Devices, DevicesArgs, gpu_pools
from infra.images import Images, ImagesArgs, image_sources
from infra.observability.create import Seen, needed_images, observe
from infra.outputs import Outputs, outputs
from infra.secrets.generated import TrackingLogins
from infra.tenancy import (
    Destination,
    Priorities,
    PrioritiesArgs,
    TrackingAccess,
    Workspace,
    WorkspaceArgs,
    platform_policies,
    team_policies,
)
from infra.tenancy.admission import Admission, AdmissionArgs
from infra.tenancy.admission_exceptions import exceptions, pod_security
from infra.tenancy.team_secrets import TeamSecrets, TeamSecretsArgs
from infra.tracking import PORT, Tracking, TrackingArgs
from infra.workloads.serving import Serving, ServingArgs
from infra.workloads.training import Training, TrainingArgs


def build(declared: Platform, stack: str, given: Mapping[str, pulumi.Output[str]]) -> Outputs:
    """Everything that one declaration asks for; `given` are the values of its secrets that are not generated."""
    plugin_pools, measured_pools = own_plugin_pools(declared), gpu_pools(declared) if declared.monitoring else []
    plugin_image = [NVIDIA_DEVICE_PLUGIN] if plugin_pools else []
    sources = image_sources(declared.images, [*plugin_image, *needed_images(declared)])
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
    server = Destination(declared.namespace, selector(TRACKING, TRACKING), PORT)
    own = Workspace(
        declared.namespace,
        WorkspaceArgs(
            stack,
            "platform",
            pull_config,
            policies=platform_policies(stack, server),
            priorities=priorities,
            default_account_token=False,
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
                default_account_token=False,
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
    views = observe(
        Seen(declared, stack, foundation, images, own, teams, secrets, training, serving, devices), on_cluster
    )
    return outputs(
        foundation, images, tracking, logins.of(ADMINISTRATOR), training, serving, views.status_page, views.grafana
    )

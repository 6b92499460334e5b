"""The table of contents: what the platform consists of, in the order in which it comes up."""

from __future__ import annotations

import pulumi

from infra import foundation as foundations
from infra.declaration import Platform
from infra.images import Images, ImagesArgs, image_sources
from infra.naming import BASE, TRACKING
from infra.outputs import Outputs, outputs
from infra.secrets import TrackingSecrets
from infra.serving import Serving, ServingArgs
from infra.tenancy import Workspace, WorkspaceArgs
from infra.tracking import Tracking, TrackingArgs
from infra.training import Training, TrainingArgs


def build(declared: Platform, stack: str) -> Outputs:
    """Everything that one declaration asks for."""
    sources = image_sources(declared.images)
    foundation = foundations.lay(declared, stack, images=[BASE, *sources])
    on_cluster = pulumi.ResourceOptions(providers=[foundation.kubernetes])
    pull_config = foundation.registry.pull_config

    images = Images(
        "images",
        ImagesArgs(registry=foundation.registry, base_image=foundation.base_image, sources=sources),
        pulumi.ResourceOptions(providers=[foundation.registry.builder]),
    ).built

    secrets = TrackingSecrets("tracking", pulumi.ResourceOptions(providers=[foundation.random]))
    own = Workspace(declared.namespace, WorkspaceArgs(stack, "platform", pull_config), on_cluster)
    tracking = Tracking(
        "tracking",
        TrackingArgs(declared.tracking, images[TRACKING], own, foundation, secrets, declared.protect_data),
        on_cluster,
    )

    teams = {
        team: Workspace(team, WorkspaceArgs(stack, "team", pull_config, tracking.access, team), on_cluster)
        for team in declared.teams
    }
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
                trained_by=[job for job in training.values() if job.model == endpoint.model and not job.simulated],
            ),
            after_tracking,
        )
        for name, endpoint in declared.serving.items()
    }
    return outputs(foundation, images, tracking, training, serving)

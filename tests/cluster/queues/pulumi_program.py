"""A Pulumi program with the platform's queues and job sets alone, put together as infra/platform does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common import paths
from offline.cluster import pause_image
from offline.cluster.addresses import CONTEXT

_PROGRAM = """
import sys
from pathlib import Path

sys.path.insert(0, {repository!r})

import pulumi
import pulumi_kubernetes as kubernetes

from infra.catalogue.names import POOL_LABEL, queues_namespace
from infra.declaration.loader import declare
from infra.declaration.queues import namespace_quota, shares
from infra.foundation import Placement, Toleration, Volume
from infra.foundation.contract import nothing_to_bind
from infra.images import BuiltImage
from infra.job_sets.controller import JobSets, JobSetsArgs
from infra.job_sets.definition import JobSetDefinition
from infra.networking.network_policies import queue_policies
from infra.queues import LocalQueues, LocalQueuesArgs, Quotas, QuotasArgs
from infra.queues.configuration import WEBHOOK_PORT
from infra.queues.controller import ControllerArgs, QueueController
from infra.tenancy import Destination, Priorities, PrioritiesArgs, Workspace, WorkspaceArgs, platform_policies
from infra.workloads.access import Outside
from infra.workloads.training.component import Training, TrainingArgs

platform, pool = {platform!r}, {pool!r}
declared = declare({declaration!r}, "Pulumi.test.yaml", Path({repository!r}))
# As the entry point of the platform does, but for Jobs that a team creates itself, which go with its namespace.
cluster = kubernetes.Provider("kubernetes", context={context!r})


def after(*resources):
    return pulumi.ResourceOptions(providers=[cluster], depends_on=list(resources))


priorities = Priorities("priorities", PrioritiesArgs(platform), after())


def workspace(name, component, opts, **more):
    return Workspace(name, WorkspaceArgs(platform, component, None, priorities=priorities, **more), opts)


placement = Placement(pool, {{POOL_LABEL: pool}}, [Toleration(pool, None, "NoSchedule")], True, gpus=True)
own = workspace(queues_namespace(platform), "queues", after(), policies=queue_policies(WEBHOOK_PORT))
images = {{name: BuiltImage(name, "", "", pulumi.Output.from_input(image)) for name, image in {images!r}.items()}}
definition = JobSetDefinition("job-set-definition", after())
args = ControllerArgs(declared.queues, platform, images["kueue"], own, ["ephemeral-storage"], definition)
controller = QueueController("queues", args, after())
args = QuotasArgs(platform, declared.queues, shares(declared), {{pool: placement}})
quotas = Quotas("quotas", args, after(controller))
teams = {{
    name: workspace(
        name,
        "team",
        after(controller, quotas),
        team=name,
        queued=True,
        job_sets=True,
        settings=team.model_copy(update={{"quota": namespace_quota(declared, name)}}),
    )
    for name, team in declared.teams.items()
}}
queues = LocalQueues("queues-of-teams", LocalQueuesArgs(platform, controller, teams), after()).by_team
tracking = Destination(platform, {{"app.kubernetes.io/name": "tracking"}}, 5000)
observer = workspace(platform, "platform", after(), policies=platform_policies(tracking))
job_sets = JobSets("job-sets", JobSetsArgs(definition, images["jobset"], observer, teams), after())
sleeps = BuiltImage("sleeps", "content", "content", pulumi.Output.from_input({sleeps!r}))
for name, settings in declared.training.items():
    place = teams[settings.team]
    access = Outside({{}}, {{}}, None).access("training", name, settings, place, nothing_to_bind)
    args = TrainingArgs(
        settings,
        sleeps,
        place,
        access,
        [],
        placement,
        Volume(None),
        job_sets=[job_sets.ready],
        queue=queues[settings.team],
    )
    run = Training(name, args, after())
    pulumi.export(name, run.job_name)
"""


def program(platform: str, pool: str, images: Mapping[str, str], declaration: Mapping[str, Any]) -> str:
    """`images` are those of the controllers; runs are pods that sleep. The pool's nodes have a taint with its name."""
    return _PROGRAM.format(
        repository=str(paths.REPOSITORY),
        context=CONTEXT,
        platform=platform,
        pool=pool,
        images=dict(images),
        sleeps=pause_image.REFERENCE,
        declaration=dict(declaration),
    )

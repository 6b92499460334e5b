"""The Job that migrates the tracking server's database to the schema of a new MLflow, before its rollout.

The old server goes on meanwhile. If the Job fails, so does the update, and the old server stays: an init container
would fail after it has gone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.batch.v1 import JobSpecArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.catalogue.images import TRACKING
from infra.catalogue.names import fingerprint, labels
from infra.catalogue.versions import MLFLOW
from infra.declaration.workloads import Resources
from infra.foundation import Storage
from infra.images import BuiltImage
from infra.tenancy import Workspace
from infra.workloads.pod import DISRUPTIONS_ARE_NO_FAILURES, NOT_MOVED, Container, Mount, pod_template

NAME = "migration"

_TIMEOUT = 3600
"""Seconds. A migration that takes longer is rolled back."""
_RETRIES = 0
"""Most failures would come again, and the next `up` runs the Job again. (Pulumi waits on for a Job that its pod failure
policy has failed.)"""


@dataclass(frozen=True)
class MigrationArgs:
    image: BuiltImage
    workspace: Workspace
    storage: Storage
    account: str
    """The server's service account."""
    resources: Resources
    env: Mapping[str, pulumi.Input[str]]
    data: Mount
    after: Sequence[pulumi.Resource]


def migration(args: MigrationArgs, parent: pulumi.Resource) -> pulumi.Resource:
    """Runs once for each content of the server's image. It does nothing if the schema is the image's."""
    snapshot = args.storage.snapshot(MLFLOW) if args.storage.snapshot else None
    own, seconds = labels(TRACKING, NAME), _TIMEOUT + args.workspace.seconds_for_a_node
    name, wait = f"{TRACKING}-{NAME}-{fingerprint(args.image.content)}", f"{seconds}s"
    return kubernetes.batch.v1.Job(
        # Another image is another resource: the Job of the old one is still there when a failed upgrade is reverted.
        name,
        metadata=ObjectMetaArgs(
            name=name,
            namespace=args.workspace.namespace,
            labels=own,
            # The next `up` runs a failed Job again.
            annotations={"pulumi.com/replaceUnready": "true"},
        ),
        spec=JobSpecArgs(
            backoff_limit=_RETRIES,
            active_deadline_seconds=seconds,
            pod_failure_policy=DISRUPTIONS_ARE_NO_FAILURES,
            template=pod_template(
                Container(
                    name=NAME,
                    image=args.image.reference,
                    resources=args.resources,
                    command=["python", "/app/migrate.py"],
                    env={**args.env, **({"DATABASE_SNAPSHOT": snapshot.name} if snapshot else {})},
                    mounts=[args.data],
                ),
                args.workspace,
                account=args.account,
                labels=own,
                annotations=NOT_MOVED,
                restart_policy="Never",
                beside={"app.kubernetes.io/name": TRACKING} if args.storage.volume else None,
            ),
        ),
        opts=pulumi.ResourceOptions(
            parent=parent,
            depends_on=[*args.after, *(snapshot.ready if snapshot else [])],
            custom_timeouts=pulumi.CustomTimeouts(create=wait, update=wait),
        ),
    )

"""The volume on which a run saves what it needs to resume."""

from __future__ import annotations

import pulumi
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.catalogue.names import CHECKPOINT, labels
from infra.foundation import Volume
from infra.workloads.pod import Mount
from infra.workloads.volume_claims import claim_mount, volume_claim

FOLDER = "/checkpoint"
GRACE_SECONDS = 120
"""Between SIGTERM and SIGKILL: EC2 takes a Spot instance back two minutes after its notice."""


def checkpoint_volume(
    run: str, namespace: str, size: str, volume: Volume, opts: pulumi.ResourceOptions
) -> tuple[Mount, pulumi.Resource]:
    """One for each run: another run must not resume from it. Its size is that of when the run was submitted."""
    # A claim may wait for its first pod, which may wait for GPUs.
    metadata = ObjectMetaArgs(
        name=run,
        namespace=namespace,
        labels=labels(run, CHECKPOINT),
        annotations={"pulumi.com/skipAwait": "true"},
    )
    kept = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(ignore_changes=["spec"]))
    claim = volume_claim(f"{namespace}-{run}", metadata, size, volume, kept)
    return claim_mount("checkpoint", run, FOLDER), claim

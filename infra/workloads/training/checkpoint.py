"""The volume on which a run saves what it needs to resume."""

from __future__ import annotations

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.core.v1 import (
    PersistentVolumeClaimSpecArgs,
    PersistentVolumeClaimVolumeSourceArgs,
    VolumeArgs,
    VolumeResourceRequirementsArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.catalogue.names import CHECKPOINT, labels
from infra.foundation import Volume
from infra.workloads.pod import Mount

FOLDER = "/checkpoint"
GRACE_SECONDS = 120
"""Between SIGTERM and SIGKILL: EC2 takes a Spot instance back two minutes after its notice."""


def checkpoint_volume(
    run: str, namespace: str, size: str, volume: Volume, opts: pulumi.ResourceOptions
) -> tuple[Mount, pulumi.Resource]:
    """One for each run: another run must not resume from it. Its size is that of when the run was submitted."""
    claim = kubernetes.core.v1.PersistentVolumeClaim(
        f"{namespace}-{run}",
        # A claim may wait for its first pod, which may wait for GPUs.
        metadata=ObjectMetaArgs(
            name=run,
            namespace=namespace,
            labels=labels(run, CHECKPOINT),
            annotations={"pulumi.com/skipAwait": "true"},
        ),
        spec=PersistentVolumeClaimSpecArgs(
            access_modes=["ReadWriteOnce"],
            storage_class_name=volume.storage_class,
            resources=VolumeResourceRequirementsArgs(requests={"storage": size}),
        ),
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(ignore_changes=["spec"])),
    )
    source = PersistentVolumeClaimVolumeSourceArgs(claim_name=run)
    return Mount(VolumeArgs(name="checkpoint", persistent_volume_claim=source), FOLDER), claim

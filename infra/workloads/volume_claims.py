"""PersistentVolumeClaims: a new one for a single pod at a time, and any of the namespace as a mount."""

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

from infra.foundation import Volume
from infra.workloads.pod import Mount


def volume_claim(
    name: str, metadata: ObjectMetaArgs, size: str, volume: Volume, opts: pulumi.ResourceOptions
) -> pulumi.Resource:
    """A claim of `size`, which the pods of one node can mount."""
    return kubernetes.core.v1.PersistentVolumeClaim(
        name,
        metadata=metadata,
        spec=PersistentVolumeClaimSpecArgs(
            access_modes=["ReadWriteOnce"],
            storage_class_name=volume.storage_class,
            resources=VolumeResourceRequirementsArgs(requests={"storage": size}),
        ),
        opts=opts,
    )


def claim_mount(name: str, claim: str, path: str, read_only: bool = False) -> Mount:
    """The volume of a claim; `name` is the volume's in the pod."""
    source = PersistentVolumeClaimVolumeSourceArgs(claim_name=claim, read_only=read_only or None)
    return Mount(VolumeArgs(name=name, persistent_volume_claim=source), path, read_only=read_only)

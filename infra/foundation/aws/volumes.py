"""What volumes are where nobody says more: encrypted disks, made in the zone of their first pod."""

from __future__ import annotations

import pulumi
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.storage.v1 import StorageClass

from infra.naming import labels

_NAME = "gp3"


def storage_class(key: pulumi.Input[str], opts: pulumi.ResourceOptions) -> StorageClass:
    """EKS's Auto Mode brings the driver and no class."""
    return StorageClass(
        _NAME,
        metadata=ObjectMetaArgs(
            name=_NAME,
            labels=labels(_NAME, "volumes"),
            annotations={"storageclass.kubernetes.io/is-default-class": "true"},
        ),
        provisioner="ebs.csi.eks.amazonaws.com",
        parameters={"type": "gp3", "encrypted": "true", "kmsKeyId": key},
        volume_binding_mode="WaitForFirstConsumer",
        allow_volume_expansion=True,
        opts=opts,
    )

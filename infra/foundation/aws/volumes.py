"""The default StorageClass: encrypted EBS volumes in the zone of their first pod."""

from __future__ import annotations

import pulumi
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.storage.v1 import StorageClass

from infra.catalogue.names import labels
from infra.foundation.aws.context import AwsContext

_NAME = "gp3"


def storage_class(context: AwsContext, key: pulumi.Input[str], opts: pulumi.ResourceOptions) -> StorageClass:
    """Auto Mode has the CSI driver but no StorageClass. Volumes get the stack's tags."""
    tags = {
        f"tagSpecification_{number}": f"{tag}={value}" for number, (tag, value) in enumerate(context.tags.items(), 1)
    }
    return StorageClass(
        _NAME,
        metadata=ObjectMetaArgs(
            name=_NAME,
            labels=labels(_NAME, "volumes"),
            annotations={"storageclass.kubernetes.io/is-default-class": "true"},
        ),
        provisioner="ebs.csi.eks.amazonaws.com",
        parameters={"type": "gp3", "encrypted": "true", "kmsKeyId": key, **tags},
        volume_binding_mode="WaitForFirstConsumer",
        allow_volume_expansion=True,
        opts=opts,
    )

"""The place that the platform stands on. `lay` makes the declared one; everything else sees only the contract."""

from __future__ import annotations

import pulumi

from infra.catalogue.names import REGISTRY
from infra.declaration import Platform
from infra.foundation.contract import (
    Foundation,
    IdentityBinder,
    ManagedGrafana,
    NetworkHole,
    Pipeline,
    Placement,
    Port,
    Registry,
    RemoteWrite,
    SecretStore,
    Storage,
    Toleration,
    Topic,
    Volume,
    WorkloadIdentity,
)

__all__ = [
    "Foundation",
    "IdentityBinder",
    "ManagedGrafana",
    "NetworkHole",
    "Pipeline",
    "Placement",
    "Port",
    "Registry",
    "RemoteWrite",
    "SecretStore",
    "Storage",
    "Toleration",
    "Topic",
    "Volume",
    "WorkloadIdentity",
    "lay",
]


def lay(platform: Platform, stack: str, images: list[str]) -> Foundation:
    """The declared foundation, ready for `images` to be pushed to it. Only its own SDKs are loaded."""
    if platform.foundation.aws is not None:
        from infra.foundation.aws import AwsFoundation, AwsFoundationArgs

        in_account = AwsFoundationArgs(
            settings=platform.foundation.aws,
            stack=stack,
            images=images,
            pools=platform.node_pools,
            topics=sorted(platform.monitoring.topics()) if platform.monitoring else [],
            protect_data=platform.protect_data,
        )
        return AwsFoundation("foundation", in_account, pulumi.ResourceOptions()).offer
    from infra.foundation.local import LocalFoundation, LocalFoundationArgs

    assert platform.foundation.local is not None
    on_machine = LocalFoundationArgs(
        settings=platform.foundation.local,
        namespace=platform.namespace,
        stack=stack,
        images=images,
        pools=platform.node_pools,
        protect_data=platform.protect_data,
        registry_rotation=platform.rotations.get(REGISTRY, 0),
    )
    return LocalFoundation("foundation", on_machine, pulumi.ResourceOptions()).offer

"""The place that the platform stands on. `lay` makes the declared one; everything else sees only the contract."""

from __future__ import annotations

import pulumi

from infra.declaration import Platform
from infra.foundation.contract import (
    Foundation,
    IdentityBinder,
    Placement,
    Registry,
    Storage,
    Toleration,
    WorkloadIdentity,
)
from infra.foundation.local import LocalFoundation, LocalFoundationArgs

__all__ = [
    "Foundation",
    "IdentityBinder",
    "Placement",
    "Registry",
    "Storage",
    "Toleration",
    "WorkloadIdentity",
    "lay",
]


def lay(platform: Platform, stack: str, images: list[str]) -> Foundation:
    """The declared foundation, ready for `images` to be pushed to it."""
    args = LocalFoundationArgs(
        settings=platform.foundation.local,
        namespace=platform.namespace,
        stack=stack,
        images=images,
        pools=platform.node_pools,
        protect_data=platform.protect_data,
    )
    return LocalFoundation("foundation", args, pulumi.ResourceOptions()).offer

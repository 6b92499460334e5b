"""What the platform runs on. `create_foundation` creates the declared one; everything above sees only the contract."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from infra.catalogue.images import REGISTRY
from infra.declaration.model import Platform
from infra.foundation.contract import (
    STORAGE_FILES,
    AllowedEgress,
    Bucket,
    DomainEgress,
    Entrance,
    Foundation,
    IdentityBinder,
    ManagedGrafana,
    ObjectStore,
    Pipeline,
    Placement,
    Port,
    Registry,
    RemoteWrite,
    Repository,
    SecretStore,
    Snapshot,
    Storage,
    Toleration,
    Topic,
    Volume,
    WorkloadIdentity,
)

__all__ = [
    "STORAGE_FILES",
    "AllowedEgress",
    "Bucket",
    "DomainEgress",
    "Entrance",
    "Foundation",
    "IdentityBinder",
    "ManagedGrafana",
    "ObjectStore",
    "Pipeline",
    "Placement",
    "Port",
    "Registry",
    "RemoteWrite",
    "Repository",
    "SecretStore",
    "Snapshot",
    "Storage",
    "Toleration",
    "Topic",
    "Volume",
    "WorkloadIdentity",
    "create_foundation",
]


def create_foundation(platform: Platform, stack: str, provided_secrets: Mapping[str, pulumi.Output[str]]) -> Foundation:
    """Creates the declared foundation. Only its own SDKs are loaded."""
    if platform.foundation.aws is not None:
        from infra.foundation.aws import AwsFoundation, AwsFoundationArgs

        in_account = AwsFoundationArgs(
            settings=platform.foundation.aws,
            stack=stack,
            pools=platform.node_pools,
            longest_jobs=platform.longest_jobs(),
            topics=platform.monitoring.topics() if platform.monitoring else {},
            alarm_topic=platform.monitoring.platform_topic() if platform.monitoring else None,
            protect_data=platform.protect_data,
            dataset_teams=platform.dataset_teams(),
            entrance=platform.gateway.aws if platform.gateway else None,
        )
        return AwsFoundation("foundation", in_account, pulumi.ResourceOptions()).outputs
    if platform.foundation.cluster is not None:
        from infra.foundation.cluster import ClusterFoundation, ClusterFoundationArgs

        in_cluster = ClusterFoundationArgs(
            platform.foundation.cluster,
            platform.node_pools,
            provided_secrets,
            platform.gateway.cluster if platform.gateway else None,
        )
        return ClusterFoundation("foundation", in_cluster, pulumi.ResourceOptions()).outputs
    from infra.foundation.local import LocalFoundation, LocalFoundationArgs

    assert platform.foundation.local is not None
    on_machine = LocalFoundationArgs(
        settings=platform.foundation.local,
        namespace=platform.namespace,
        stack=stack,
        pools=platform.node_pools,
        protect_data=platform.protect_data,
        registry_rotation=platform.rotations.get(REGISTRY, 0),
        dataset_prefixes=platform.dataset_prefixes(),
        entrance=platform.gateway.on_this_machine if platform.gateway else None,
    )
    return LocalFoundation("foundation", on_machine, pulumi.ResourceOptions()).outputs

"""The foundation on a cluster and a registry that exist already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pulumi
import pulumi_docker as docker
import pulumi_kubernetes as kubernetes
import pulumi_random as random

from infra.catalogue.names import PROJECT
from infra.declaration.cluster import AccessKey, ClusterDns, ContainerRegistry, DatasetStore
from infra.declaration.cluster import ClusterFoundation as Settings
from infra.declaration.entrances import ClusterEntrance
from infra.declaration.pool_nodes import GPU
from infra.declaration.pools import NodePool
from infra.declaration.types import parse_taint
from infra.foundation.contract import (
    CLIENT_SETTINGS,
    STORAGE_FILES,
    AllowedEgress,
    Entrance,
    Foundation,
    ObjectStore,
    Placement,
    Port,
    Registry,
    Repository,
    Storage,
    Toleration,
    Volume,
    nothing_to_bind,
    nowhere_else,
    shared_credentials,
    storage_on,
)
from infra.secrets.generated import docker_config

_CREDENTIALS = "artifact-store"
_SECONDS_FOR_A_NODE = 300
"""Where an autoscaler starts one."""


@dataclass(frozen=True)
class ClusterFoundationArgs:
    """`passwords` are the values of the secrets that the settings name, by name."""

    settings: Settings
    pools: Mapping[str, NodePool]
    passwords: Mapping[str, pulumi.Output[str]]
    entrance: ClusterEntrance | None = None
    """None: no gateway is declared, or one of an existing class."""


class ClusterFoundation(pulumi.ComponentResource):
    """Creates providers only: everything else is there."""

    outputs: Foundation

    def __init__(self, name: str, args: ClusterFoundationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:foundation:Cluster", name, None, opts)
        settings, child = args.settings, pulumi.ResourceOptions(parent=self)
        # The kubeconfig is found as by kubectl and is not in the state.
        cluster = kubernetes.Provider(
            "kubernetes",
            context=settings.kube_context,
            enable_secret_mutable=True,
            enable_config_map_mutable=True,
            kube_client_settings=CLIENT_SETTINGS,
            opts=child,
        )
        self.outputs = Foundation(
            kubernetes=cluster,
            random=random.Provider("random", opts=child),
            registry=registry(settings.registry, args.passwords, docker.Provider("docker", opts=child)),
            base_image=settings.base_image,
            storage=storage(settings, args.passwords),
            pools={pool: placement(pool, each) for pool, each in args.pools.items()},
            gpus="real",
            bind_identity=nothing_to_bind,
            store_secret=nowhere_else,
            seconds_for_a_node=_SECONDS_FOR_A_NODE,
            egress=egress(settings.dns),
            object_stores=object_stores(settings.dataset_store, args.passwords),
            entrance=entrance(args.entrance) if args.entrance else None,
        )
        self.register_outputs({"registry": settings.registry.server})


def registry(
    settings: ContainerRegistry, passwords: Mapping[str, pulumi.Output[str]], builder: docker.Provider
) -> Registry:
    """The declared registry; it creates repositories when they are pushed to, or somebody has created them."""
    prefix = f"{settings.server}/{settings.prefix}"
    pull = settings.pull
    return Registry(
        server=settings.server,
        prefix=prefix,
        repository=lambda image: Repository(f"{prefix}/{image}"),
        username=settings.push.username,
        password=passwords[settings.push.password],
        pull_config=docker_config(settings.server, pull.username, passwords[pull.password]) if pull else None,
        builder=builder,
    )


def storage(settings: Settings, passwords: Mapping[str, pulumi.Output[str]]) -> Storage:
    """Runs and users on a volume; artifacts there too, or in the declared bucket."""
    on_volume, store = storage_on(Volume(settings.storage_class)), settings.artifact_store
    if store is None:
        return on_volume
    endpoint = {"MLFLOW_S3_ENDPOINT_URL": store.endpoint} if store.endpoint else {}
    return replace(
        on_volume,
        artifacts=f"s3://{store.bucket}/{store.prefix}",
        environment={
            **endpoint,
            "AWS_DEFAULT_REGION": store.region,
            "AWS_SHARED_CREDENTIALS_FILE": f"{STORAGE_FILES}/{_CREDENTIALS}",
        },
        files={_CREDENTIALS: credentials(store.access_key, passwords)},
    )


def credentials(key: AccessKey, passwords: Mapping[str, pulumi.Output[str]]) -> pulumi.Output[str]:
    """The declared key as a file."""
    return shared_credentials(key.id, passwords[key.secret])


def object_stores(store: DatasetStore | None, passwords: Mapping[str, pulumi.Output[str]]) -> Mapping[str, ObjectStore]:
    """The declared bucket, with each team's own key."""
    if store is None:
        return {}
    egress = [AllowedEgress("objects", [("TCP", store.port)], cidr=addresses) for addresses in store.addresses]
    env = {"AWS_ENDPOINT_URL_S3": store.endpoint, "AWS_REGION": store.region, "AWS_DEFAULT_REGION": store.region}
    return {
        team: ObjectStore(f"s3://{store.bucket}", env, egress, credentials(key, passwords))
        for team, key in store.access_keys.items()
    }


def entrance(settings: ClusterEntrance) -> Entrance:
    """A load balancer of the cluster's own, which passes TCP on."""
    return Entrance("LoadBalancer", annotations=settings.annotations, source_cidrs=settings.source_cidrs)


def placement(name: str, pool: NodePool) -> Placement:
    """Pods go to the nodes with the pool's labels."""
    return Placement(
        pool=name,
        node_selector=pool.labels,
        tolerations=tolerations(pool),
        runtime_class=pool.runtime_class_name,
        gpus=pool.gpu is not None,
        simulated=False,
        needs_device_plugin=pool.device_plugin,
    )


def tolerations(pool: NodePool) -> list[Toleration]:
    """Of the declared taints, and of the usual one of GPU nodes, whatever its value is."""
    usual = [Toleration(GPU, None, "NoSchedule")] if pool.gpu else []
    return [*usual, *(Toleration(*parse_taint(taint)) for taint in dict.fromkeys(pool.taints))]


def egress(dns: ClusterDns) -> list[AllowedEgress]:
    """DNS: the cluster's pods, and a cache on each node if there is one."""
    ports: list[Port] = [("UDP", dns.port), ("TCP", dns.port)]
    pods = AllowedEgress("dns-pods", ports, namespace=dns.namespace, pods=dns.labels)
    cache: list[Port] = [("UDP", 53), ("TCP", 53)]
    return [pods, *([AllowedEgress("dns", cache, cidr=f"{dns.address}/32")] if dns.address else [])]

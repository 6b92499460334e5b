"""The foundation on one machine: a registry in Docker, the local cluster, simulated node pools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_docker as docker
import pulumi_kubernetes as kubernetes
import pulumi_random as random

from infra.catalogue.images import OBJECT_STORE
from infra.catalogue.names import LOCAL_CONTEXT, LOCAL_POD_LOGS, PROJECT, local_object_store, local_registry
from infra.declaration.entrances import LocalEntrance
from infra.declaration.foundations import LOCAL_DNS
from infra.declaration.foundations import LocalFoundation as Settings
from infra.declaration.pools import NodePool
from infra.foundation.contract import (
    CLIENT_SETTINGS,
    AllowedEgress,
    Entrance,
    Foundation,
    Port,
    Volume,
    nothing_to_bind,
    nowhere_else,
    storage_on,
)
from infra.foundation.local.object_store import LocalObjectStore, LocalObjectStoreArgs
from infra.foundation.local.pools import SimulatedPool, SimulatedPoolArgs
from infra.foundation.local.registry import LocalRegistry, LocalRegistryArgs


@dataclass(frozen=True)
class LocalFoundationArgs:
    settings: Settings
    namespace: str
    stack: str
    pools: Mapping[str, NodePool]
    protect_data: bool
    registry_rotation: int
    dataset_prefixes: Mapping[str, Sequence[str]]
    """Of datasets that are objects, by team."""
    entrance: LocalEntrance | None = None
    """None: no gateway is declared."""


class LocalFoundation(pulumi.ComponentResource):
    """Creates the providers, the registry, the node pools, and an object store if datasets are in it."""

    outputs: Foundation

    def __init__(self, name: str, args: LocalFoundationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:foundation:Local", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        engine = docker.Provider("docker", opts=child)
        randomness = random.Provider("random", opts=child)
        registry = LocalRegistry(
            "registry",
            LocalRegistryArgs(
                container_name=local_registry(args.namespace),
                port=args.settings.registry_port,
                metrics_port=args.settings.registry_metrics_port,
                metrics=args.settings.registry_metrics,
                base_image=args.settings.base_image,
                rotation=args.registry_rotation,
                engine=engine,
                protect_data=args.protect_data,
            ),
            pulumi.ResourceOptions(parent=self, providers=[engine, randomness]),
        )
        # The kubeconfig is found as by kubectl and is not in the state. Secrets and ConfigMaps
        # are updated in place: a rotated password must not run a training job again.
        cluster = kubernetes.Provider(
            "kubernetes",
            context=LOCAL_CONTEXT,
            enable_secret_mutable=True,
            enable_config_map_mutable=True,
            kube_client_settings=CLIENT_SETTINGS,
            # Images take longest: their pushes begin first, and the cluster's objects are created meanwhile.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[registry]),
        )
        pools = {
            pool: SimulatedPool(
                pool,
                SimulatedPoolArgs(settings=settings, stack=args.stack),
                pulumi.ResourceOptions(parent=self, providers=[cluster]),
            ).placement
            for pool, settings in args.pools.items()
        }
        objects = self._objects(args, engine, randomness) if args.dataset_prefixes else None
        self.outputs = Foundation(
            kubernetes=cluster,
            random=randomness,
            registry=registry.outputs,
            base_image=args.settings.base_image,
            storage=storage_on(Volume(None)),
            pools=pools,
            gpus="simulated",
            bind_identity=nothing_to_bind,
            store_secret=nowhere_else,
            egress=egress(LOCAL_DNS),
            object_stores=objects.outputs if objects else {},
            bucket=objects.bucket if objects else None,
            pod_logs=LOCAL_POD_LOGS,
            entrance=_entrance(args.entrance) if args.entrance else None,
        )
        self.register_outputs({"registry": registry.outputs.server})

    def _objects(
        self, args: LocalFoundationArgs, engine: docker.Provider, randomness: random.Provider
    ) -> LocalObjectStore:
        """Of datasets; the local cluster forwards its port."""
        store = LocalObjectStoreArgs(
            container_name=local_object_store(args.namespace),
            port=args.settings.object_store_port,
            node=LOCAL_DNS,
            prefixes=args.dataset_prefixes,
            base_image=args.settings.base_image,
            protect_data=args.protect_data,
        )
        opts = pulumi.ResourceOptions(parent=self, providers=[engine, randomness])
        return LocalObjectStore(OBJECT_STORE, store, opts)


def _entrance(settings: LocalEntrance) -> Entrance:
    """`make up` forwards loopback ports of the machine to the address."""
    return Entrance("ClusterIP", settings.https_port, cluster_ip=settings.service_address)


def egress(dns: str) -> list[AllowedEgress]:
    """DNS, which is a process on the machine."""
    ports: list[Port] = [("UDP", 53), ("TCP", 53)]
    return [AllowedEgress("dns", ports, cidr=f"{dns}/32")]

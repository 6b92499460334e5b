"""One machine: a registry in its Docker engine, a cluster by kube context, node pools as simulated nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_docker as docker
import pulumi_kubernetes as kubernetes
import pulumi_random as random

from infra.catalogue.names import PROJECT
from infra.declaration.foundations import LocalFoundation as Settings
from infra.declaration.pools import NodePool
from infra.foundation.contract import CLIENT_SETTINGS, Foundation, NetworkHole, Port, Storage, Volume, WorkloadIdentity
from infra.foundation.local.pools import SimulatedPool, SimulatedPoolArgs
from infra.foundation.local.registry import LocalRegistry, LocalRegistryArgs


@dataclass(frozen=True)
class LocalFoundationArgs:
    settings: Settings
    namespace: str
    stack: str
    images: Sequence[str]
    pools: Mapping[str, NodePool]
    protect_data: bool
    registry_rotation: int


class LocalFoundation(pulumi.ComponentResource):
    """Makes every provider that the platform uses here."""

    offer: Foundation

    def __init__(self, name: str, args: LocalFoundationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:foundation:Local", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        engine = docker.Provider("docker", opts=child)
        randomness = random.Provider("random", opts=child)
        # The kubeconfig itself is found by kubectl's convention and stays out of the state. Secrets and ConfigMaps
        # keep their names when their data changes: a rotated password is no reason to run a training job again.
        cluster = kubernetes.Provider(
            "kubernetes",
            context=args.settings.kube_context,
            enable_secret_mutable=True,
            enable_config_map_mutable=True,
            kube_client_settings=CLIENT_SETTINGS,
            opts=child,
        )
        registry = LocalRegistry(
            "registry",
            LocalRegistryArgs(
                container_name=f"{args.namespace}-registry",
                port=args.settings.registry_port,
                metrics_port=args.settings.registry_metrics_port,
                metrics=args.settings.registry_metrics,
                base_image=args.settings.base_image,
                images=args.images,
                rotation=args.registry_rotation,
                engine=engine,
                protect_data=args.protect_data,
            ),
            pulumi.ResourceOptions(parent=self, providers=[engine, randomness]),
        )
        pools = {
            pool: SimulatedPool(
                pool,
                SimulatedPoolArgs(settings=settings, stack=args.stack),
                pulumi.ResourceOptions(parent=self, providers=[cluster]),
            ).placement
            for pool, settings in args.pools.items()
        }
        self.offer = Foundation(
            kubernetes=cluster,
            random=randomness,
            registry=registry.offer,
            base_image=args.settings.base_image,
            storage=Storage(
                database="sqlite:////data/mlflow.db",
                artifacts="/data/artifacts",
                volume=Volume(args.settings.storage_class),
            ),
            pools=pools,
            bind_identity=_nothing_to_bind,
            store_secret=_nowhere_else,
            egress=egress(args.settings.dns),
        )
        self.register_outputs({"registry": registry.offer.server})


def egress(dns: str) -> list[NetworkHole]:
    """DNS is a process of the machine's own here, or pods in a cluster of the user's."""
    ports: list[Port] = [("UDP", 53), ("TCP", 53)]
    return [
        NetworkHole("dns", ports, cidr=f"{dns}/32"),
        NetworkHole("dns-pods", ports, namespace="kube-system", pods={"k8s-app": "kube-dns"}),
    ]


def _nothing_to_bind(identity: WorkloadIdentity, opts: pulumi.ResourceOptions) -> Sequence[pulumi.Resource]:
    """Nothing here lies outside the cluster."""
    return ()


def _nowhere_else(name: str, team: str, value: pulumi.Output[str], opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """The cluster's own store is where secrets are here, encrypted at rest."""
    return value

"""What tells the kubelet of a node about its GPUs, where the place doesn't do that by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.apps.v1 import DaemonSetSpecArgs
from pulumi_kubernetes.core.v1 import (
    CapabilitiesArgs,
    ContainerArgs,
    EnvVarArgs,
    HostPathVolumeSourceArgs,
    PodSpecArgs,
    PodTemplateSpecArgs,
    SecurityContextArgs,
    VolumeArgs,
    VolumeMountArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import NetworkPolicySpecArgs

from infra.declaration.model import Platform, Resources
from infra.foundation import Placement
from infra.images import BuiltImage
from infra.naming import NVIDIA_DEVICE_PLUGIN, PROJECT, STACK_LABEL, labels, selector
from infra.workload import requirements, tolerations

_COMPONENT = "device-plugin"
_SOCKETS = "/var/lib/kubelet/device-plugins"


def own_plugin_pools(declared: Platform) -> list[str]:
    """Pools whose nodes come without a device plugin: machines of fixed size with GPUs, unless they are simulated."""
    if declared.foundation.simulates_pools:
        return []
    return [name for name, pool in declared.node_pools.items() if pool.managed and pool.gpu]


@dataclass(frozen=True)
class DevicePluginsArgs:
    """`pools` are those that need one."""

    stack: str
    namespace: str
    image: BuiltImage
    pools: Mapping[str, Placement]


class DevicePlugins(pulumi.ComponentResource):
    """One DaemonSet a pool, in a namespace of their own: they write into the kubelet's folder, as root."""

    def __init__(self, name: str, args: DevicePluginsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:DevicePlugins", name, None, opts)
        self._args = args
        self._namespace = kubernetes.core.v1.Namespace(
            args.namespace,
            metadata=ObjectMetaArgs(
                name=args.namespace,
                labels={
                    **labels(args.namespace, _COMPONENT),
                    STACK_LABEL: args.stack,
                    "pod-security.kubernetes.io/enforce": "privileged",
                },
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        kubernetes.networking.v1.NetworkPolicy(
            f"{args.namespace}-default-deny",
            metadata=ObjectMetaArgs(name="default-deny", namespace=args.namespace),
            # They talk to the kubelet through a socket, and to nobody else.
            spec=NetworkPolicySpecArgs(pod_selector=LabelSelectorArgs(), policy_types=["Ingress", "Egress"]),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._namespace]),
        )
        for pool, placement in args.pools.items():
            self._daemon_set(f"{NVIDIA_DEVICE_PLUGIN}-{pool}", placement)
        self.register_outputs({})

    def _daemon_set(self, name: str, placement: Placement) -> None:
        own = selector(name, _COMPONENT)
        kubernetes.apps.v1.DaemonSet(
            name,
            metadata=ObjectMetaArgs(name=name, namespace=self._args.namespace, labels=labels(name, _COMPONENT)),
            spec=DaemonSetSpecArgs(
                selector=LabelSelectorArgs(match_labels=own),
                template=PodTemplateSpecArgs(
                    metadata=ObjectMetaArgs(labels=labels(name, _COMPONENT)), spec=self._pod(placement)
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._namespace, *placement.ready]),
        )

    def _pod(self, placement: Placement) -> PodSpecArgs:
        return PodSpecArgs(
            automount_service_account_token=False,
            enable_service_links=False,
            node_selector=dict(placement.node_selector),
            priority_class_name="system-node-critical",
            tolerations=tolerations(placement),
            containers=[
                ContainerArgs(
                    name=_COMPONENT,
                    image=self._args.image.reference,
                    env=[EnvVarArgs(name="FAIL_ON_INIT_ERROR", value="true")],
                    resources=requirements(Resources(cpu="50m", memory="64Mi")),
                    security_context=SecurityContextArgs(
                        allow_privilege_escalation=False,
                        read_only_root_filesystem=True,
                        capabilities=CapabilitiesArgs(drop=["ALL"]),
                    ),
                    volume_mounts=[VolumeMountArgs(name="sockets", mount_path=_SOCKETS)],
                )
            ],
            volumes=[VolumeArgs(name="sockets", host_path=HostPathVolumeSourceArgs(path=_SOCKETS, type="Directory"))],
        )

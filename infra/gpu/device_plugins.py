"""NVIDIA's device plugin for pools whose nodes don't bring one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import (
    ContainerArgs,
    EnvVarArgs,
    HostPathVolumeSourceArgs,
    VolumeArgs,
    VolumeMountArgs,
)

from infra.catalogue.images import NVIDIA_DEVICE_PLUGIN
from infra.catalogue.names import PROJECT, labels, selector
from infra.catalogue.node_agents import DEVICE_PLUGIN
from infra.declaration.workloads import Resources
from infra.foundation import Placement
from infra.gpu.devices import ALL_GPUS, ALL_GPUS_MOUNT, Devices, NodeProgram
from infra.images import BuiltImage
from infra.workloads.pod import requirements

_COMPONENT = "device-plugin"
_SOCKETS = "/var/lib/kubelet/device-plugins"


@dataclass(frozen=True)
class DevicePluginsArgs:
    """`pools` are those that need a device plugin."""

    devices: Devices
    image: BuiltImage
    pools: Mapping[str, Placement]


class DevicePlugins(pulumi.ComponentResource):
    """One DaemonSet per pool. Pods register with the kubelet by a socket in its folder."""

    def __init__(self, name: str, args: DevicePluginsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:DevicePlugins", name, None, opts)
        for pool, placement in args.pools.items():
            _plugin(f"{NVIDIA_DEVICE_PLUGIN}-{pool}", args.image).start(args.devices, placement, self)
        self.register_outputs({})


def _plugin(name: str, image: BuiltImage) -> NodeProgram:
    return NodeProgram(
        name,
        labels(name, _COMPONENT),
        selector(name, _COMPONENT),
        ContainerArgs(
            name=_COMPONENT,
            image=image.reference,
            env=[EnvVarArgs(name="FAIL_ON_INIT_ERROR", value="true")],
            resources=requirements(Resources(**DEVICE_PLUGIN)),
            volume_mounts=[VolumeMountArgs(name="sockets", mount_path=_SOCKETS), ALL_GPUS_MOUNT],
        ),
        [VolumeArgs(name="sockets", host_path=HostPathVolumeSourceArgs(path=_SOCKETS, type="Directory")), ALL_GPUS],
    )

"""Node agents with access to devices (device plugins, GPU exporters), and their namespace: they run as root."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.apps.v1 import DaemonSetSpecArgs
from pulumi_kubernetes.core.v1 import (
    CapabilitiesArgs,
    ContainerArgs,
    HostPathVolumeSourceArgs,
    LocalObjectReferenceArgs,
    PodSpecArgs,
    PodTemplateSpecArgs,
    SeccompProfileArgs,
    SecurityContextArgs,
    VolumeArgs,
    VolumeMountArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

from infra.catalogue.names import PLATFORM_LABEL, PROJECT, PULL_SECRET, devices_namespace, labels
from infra.foundation import Placement
from infra.networking.network_policies import device_policies, network_policies
from infra.tenancy import Workspace
from infra.workloads.pod import tolerations

ALL_GPUS = VolumeArgs(name="gpus", host_path=HostPathVolumeSourceArgs(path="/dev/null", type="CharDevice"))
ALL_GPUS_MOUNT = VolumeMountArgs(name="gpus", mount_path="/var/run/nvidia-container-devices/all", read_only=True)
"""NVIDIA's container runtime shows a container the GPUs that are mounted below this folder; on nodes where it reads
NVIDIA_VISIBLE_DEVICES instead, the image has it. It may ignore the variable in unprivileged containers."""


@dataclass(frozen=True)
class DevicesArgs:
    """`platform` is the platform's own namespace, from which Prometheus scrapes them; `pull_config` is None if nodes
    pull with an identity of their own."""

    platform: str
    pull_config: pulumi.Output[str] | None


class Devices(pulumi.ComponentResource):
    """The namespace of node agents. Their only peer is the kubelet, by a socket."""

    namespace: str
    pull_secret: str | None

    def __init__(self, name: str, args: DevicesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:Devices", name, None, opts)
        self.namespace = devices_namespace(args.platform)
        namespace = kubernetes.core.v1.Namespace(
            self.namespace,
            metadata=ObjectMetaArgs(
                name=self.namespace,
                labels={
                    **labels(self.namespace, "devices"),
                    PLATFORM_LABEL: args.platform,
                    "pod-security.kubernetes.io/enforce": "privileged",
                },
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        inside = pulumi.ResourceOptions(parent=self, depends_on=[namespace])
        network_policies(self.namespace, device_policies(args.platform), inside)
        self.pull_secret = PULL_SECRET if args.pull_config is not None else None
        if args.pull_config is not None:
            kubernetes.core.v1.Secret(
                f"{self.namespace}-{PULL_SECRET}",
                metadata=ObjectMetaArgs(name=PULL_SECRET, namespace=self.namespace),
                type="kubernetes.io/dockerconfigjson",
                string_data={".dockerconfigjson": args.pull_config},
                opts=inside,
            )
        self.register_outputs({})


@dataclass(frozen=True)
class NodeProgram:
    """A DaemonSet on a pool's nodes: runs as root, but without capabilities."""

    name: str
    labels: Mapping[str, str]
    selector: Mapping[str, str]
    container: ContainerArgs
    volumes: Sequence[VolumeArgs]
    user: int | None = None
    """None: the image's, which is root."""

    def start(self, devices: Devices | Workspace, placement: Placement, parent: pulumi.Resource) -> pulumi.Resource:
        """Created after the namespace and after the pool."""
        self.container.security_context = SecurityContextArgs(
            run_as_user=self.user,
            allow_privilege_escalation=False,
            read_only_root_filesystem=True,
            capabilities=CapabilitiesArgs(drop=["ALL"]),
            seccomp_profile=SeccompProfileArgs(type="RuntimeDefault"),
        )
        pod = PodSpecArgs(
            automount_service_account_token=False,
            enable_service_links=False,
            image_pull_secrets=[LocalObjectReferenceArgs(name=devices.pull_secret)] if devices.pull_secret else None,
            runtime_class_name=placement.runtime_class,
            node_selector=dict(placement.node_selector),
            priority_class_name="system-node-critical",
            tolerations=tolerations(placement),
            containers=[self.container],
            volumes=list(self.volumes),
        )
        return kubernetes.apps.v1.DaemonSet(
            self.name,
            metadata=ObjectMetaArgs(name=self.name, namespace=devices.namespace, labels=dict(self.labels)),
            spec=DaemonSetSpecArgs(
                selector=LabelSelectorArgs(match_labels=dict(self.selector)),
                template=PodTemplateSpecArgs(metadata=ObjectMetaArgs(labels=dict(self.labels)), spec=pod),
            ),
            opts=pulumi.ResourceOptions(parent=parent, depends_on=[devices, *placement.ready]),
        )

"""vlagent on every real node: reads the log files that kubelets keep there, and sends their lines to the store.

It reads files and asks no API. Lines reach the store as the container runtime wrote them: none is parsed, so that a pod
cannot print a line that passes for another pod's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi
from pulumi_kubernetes.core.v1 import (
    ContainerArgs,
    ContainerPortArgs,
    HostPathVolumeSourceArgs,
    VolumeArgs,
    VolumeMountArgs,
)

from infra.catalogue.images import LOGS
from infra.catalogue.logs import COLLECTOR, COLLECTOR_PODS, POD_LOGS, STORE, STORE_PORT
from infra.catalogue.names import labels
from infra.catalogue.node_agents import LOG_COLLECTOR
from infra.declaration.workloads import Resources
from infra.foundation import Placement
from infra.gpu.devices import NodeProgram
from infra.images import BuiltImage
from infra.observability.logs.tenants import tenant
from infra.tenancy import Workspace
from infra.workloads.deployment import HTTP, probe
from infra.workloads.pod import requirements

_PORT = 9429
_ROOT = 0
"""Whose files the logs are; without capabilities, it reads no other user's."""
_STATE = "/var/lib/ml-platform-logs"
"""On the node, with a folder for each stack: how far each file is read, and lines that wait for the store."""
_WAITING = "512MiB"
_ANY_POD = "/*/*.log"


def log_collector(
    image: BuiltImage,
    workspace: Workspace,
    owners: Mapping[str, Sequence[str]],
    folder: str,
    placement: Placement,
    parent: pulumi.Resource,
) -> pulumi.Resource:
    """`owners` are the namespaces of each tenant, `folder` is where the nodes' kubelets keep logs."""
    volumes = [
        _folder("pod-logs", folder, "Directory"),
        _folder("state", f"{_STATE}/{workspace.namespace}", "DirectoryOrCreate"),
    ]
    program = NodeProgram(
        COLLECTOR, labels(COLLECTOR, LOGS), COLLECTOR_PODS, _container(image, owners), volumes, user=_ROOT
    )
    return program.start(workspace, placement, parent)


def _container(image: BuiltImage, owners: Mapping[str, Sequence[str]]) -> ContainerArgs:
    return ContainerArgs(
        name=COLLECTOR,
        image=image.reference,
        command=["vlagent"],
        args=[
            f"-httpListenAddr=:{_PORT}",
            "-tmpDataPath=/state",
            f"-remoteWrite.url=http://{STORE}:{STORE_PORT}/insert/multitenant/native",
            "-remoteWrite.flushInterval=200ms",
            "-remoteWrite.queues=1",
            f"-remoteWrite.maxDiskUsagePerURL={_WAITING}",
            "-fileCollector.refreshInterval=1s",
            "-fileCollector.hostnameField=",
            *(flag for owner, namespaces in owners.items() for each in namespaces for flag in _files(owner, each)),
        ],
        ports=[ContainerPortArgs(name=HTTP, container_port=_PORT)],
        resources=requirements(Resources(**LOG_COLLECTOR)),
        volume_mounts=[
            VolumeMountArgs(name="pod-logs", mount_path=POD_LOGS, read_only=True),
            VolumeMountArgs(name="state", mount_path="/state"),
        ],
        startup_probe=probe("/health", period=1, failures=60),
        readiness_probe=probe("/health", period=10, failures=3),
        liveness_probe=probe("/health", period=30, failures=3),
    )


def _files(owner: str, namespace: str) -> tuple[str, str]:
    """The kubelet's folders are called `<namespace>_<pod>_<uid>`; the n-th tenant is that of the n-th pattern."""
    return f"-fileCollector.glob={POD_LOGS}/{namespace}_*{_ANY_POD}", f"-fileCollector.tenantID={tenant(owner)}"


def _folder(name: str, path: str, kind: str) -> VolumeArgs:
    return VolumeArgs(name=name, host_path=HostPathVolumeSourceArgs(path=path, type=kind))

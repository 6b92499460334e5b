"""NVIDIA's DCGM exporter: what GPUs measure of themselves, and whose they are just now. Simulated GPUs have none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import (
    ConfigMap,
    ConfigMapVolumeSourceArgs,
    ContainerArgs,
    ContainerPortArgs,
    EmptyDirVolumeSourceArgs,
    EnvVarArgs,
    EnvVarSourceArgs,
    HostPathVolumeSourceArgs,
    ObjectFieldSelectorArgs,
    VolumeArgs,
    VolumeMountArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.catalogue.metrics import GPU_EXPORTER_JOB
from infra.catalogue.names import METRICS_PORT_NAME, MONITORING, POOL_LABEL, labels, selector
from infra.catalogue.node_agents import GPU_EXPORTER
from infra.declaration.workloads import Resources
from infra.foundation import Placement
from infra.gpu.devices import ALL_GPUS, ALL_GPUS_MOUNT, Devices, NodeProgram
from infra.images import BuiltImage
from infra.workloads.deployment import probe
from infra.workloads.pod import requirements

COUNTERS = {
    "DCGM_FI_DEV_GPU_UTIL": ("gauge", "GPU utilization (in %)."),
    "DCGM_FI_DEV_FB_USED": ("gauge", "Framebuffer memory used (in MiB)."),
    "DCGM_FI_DEV_FB_FREE": ("gauge", "Framebuffer memory free (in MiB)."),
    "DCGM_FI_DEV_GPU_TEMP": ("gauge", "GPU temperature (in C)."),
    "DCGM_FI_DEV_POWER_USAGE": ("gauge", "Power draw (in W)."),
    "DCGM_FI_DEV_SM_CLOCK": ("gauge", "SM clock frequency (in MHz)."),
    "DCGM_FI_DEV_XID_ERRORS": ("gauge", "Value of the last XID error encountered."),
    "DCGM_EXP_XID_ERRORS_COUNT": ("gauge", "Count of XID errors within the window."),
    "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL": ("counter", "Total number of double-bit volatile ECC errors."),
    "DCGM_FI_DEV_CLOCK_THROTTLE_REASONS": ("gauge", "Bitmask of the reasons why clocks are held back."),
}
"""By DCGM's name, Prometheus's type and a text. NVIDIA's own list lacks the last three, and has profiling, for which
the exporter would need to be the node's administrator."""

_XID_WINDOW = 600
"""Seconds for which an Xid is counted: DCGM keeps no sample longer."""
_FILE, _FOLDER = "counters.csv", "/etc/counters"
_POD_RESOURCES = "/var/lib/kubelet/pod-resources"


@dataclass(frozen=True)
class GpuExporterArgs:
    """`pools` are those whose nodes have real GPUs; `interval` is in seconds."""

    image: BuiltImage
    devices: Devices
    pools: Mapping[str, Placement]
    interval: int


def gpu_exporter(args: GpuExporterArgs, parent: pulumi.Resource) -> None:
    """One DaemonSet a pool."""
    ConfigMap(
        f"{args.devices.namespace}-{GPU_EXPORTER_JOB}",
        metadata=ObjectMetaArgs(
            name=GPU_EXPORTER_JOB, namespace=args.devices.namespace, labels=labels(GPU_EXPORTER_JOB, MONITORING)
        ),
        data={_FILE: counters_file()},
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[args.devices]),
    )
    for pool, placement in args.pools.items():
        _exporter(pool, args).start(args.devices, placement, parent)


def counters_file() -> str:
    """As the exporter reads it."""
    return "".join(f"{name}, {kind}, {text}\n" for name, (kind, text) in COUNTERS.items())


def _exporter(pool: str, args: GpuExporterArgs) -> NodeProgram:
    volumes = [
        VolumeArgs(name="counters", config_map=ConfigMapVolumeSourceArgs(name=GPU_EXPORTER_JOB)),
        _folder("pod-resources", _POD_RESOURCES, "Directory"),
        ALL_GPUS,
        VolumeArgs(name="tmp", empty_dir=EmptyDirVolumeSourceArgs(size_limit="100Mi")),
    ]
    return NodeProgram(
        f"{GPU_EXPORTER_JOB}-{pool}",
        labels(GPU_EXPORTER_JOB, MONITORING, **{POOL_LABEL: pool}),
        {**selector(GPU_EXPORTER_JOB, MONITORING), POOL_LABEL: pool},
        _container(args),
        volumes,
    )


def _container(args: GpuExporterArgs) -> ContainerArgs:
    node = EnvVarSourceArgs(field_ref=ObjectFieldSelectorArgs(field_path="spec.nodeName"))
    settings = {
        "DCGM_EXPORTER_COLLECTORS": f"{_FOLDER}/{_FILE}",
        "DCGM_EXPORTER_INTERVAL": str(args.interval * 1000),
        "DCGM_EXPORTER_KUBERNETES": "true",
        "DCGM_EXPORTER_XID_COUNT_WINDOW_SIZE": str(_XID_WINDOW * 1000),
    }
    return ContainerArgs(
        name=GPU_EXPORTER_JOB,
        image=args.image.reference,
        env=[
            *(EnvVarArgs(name=name, value=value) for name, value in settings.items()),
            EnvVarArgs(name="NODE_NAME", value_from=node),
        ],
        ports=[ContainerPortArgs(name=METRICS_PORT_NAME, container_port=9400)],
        resources=requirements(Resources(**GPU_EXPORTER)),
        volume_mounts=[
            VolumeMountArgs(name="counters", mount_path=_FOLDER, read_only=True),
            VolumeMountArgs(name="pod-resources", mount_path=_POD_RESOURCES, read_only=True),
            ALL_GPUS_MOUNT,
            VolumeMountArgs(name="tmp", mount_path="/tmp"),
        ],
        startup_probe=probe("/health", port=METRICS_PORT_NAME, period=2, failures=60),
        readiness_probe=probe("/health", port=METRICS_PORT_NAME, period=10, failures=3),
        liveness_probe=probe("/health", port=METRICS_PORT_NAME, period=30, failures=3),
    )


def _folder(name: str, path: str, kind: str) -> VolumeArgs:
    return VolumeArgs(name=name, host_path=HostPathVolumeSourceArgs(path=path, type=kind))

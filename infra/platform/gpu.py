"""Access to GPU devices, and the checks of GPUs."""

from __future__ import annotations

from collections.abc import Mapping

from infra.catalogue.images import NVIDIA_DEVICE_PLUGIN
from infra.declaration.model import Platform
from infra.foundation import Foundation, Placement
from infra.gpu.checks import GpuCheck, GpuChecks, GpuChecksArgs
from infra.gpu.device_plugins import DevicePlugins, DevicePluginsArgs
from infra.gpu.devices import Devices, DevicesArgs
from infra.images import Images
from infra.namespaces import Namespaces
from infra.platform.options import on_cluster
from infra.tenancy import Workspace


def create_devices(declared: Platform, foundation: Foundation, namespaces: Namespaces) -> Devices | None:
    """Needed by device plugins, and by the GPU exporter where monitoring is declared."""
    measured = declared.monitoring is not None and any(pool.has_real_gpus for pool in foundation.pools.values())
    if not measured and not _without_device_plugin(foundation):
        return None
    args = DevicesArgs(declared.namespace, foundation.registry.pull_config)
    return Devices("devices", args, namespaces.options)


def create_device_plugins(foundation: Foundation, images: Images, devices: Devices | None) -> None:
    """On pools whose nodes do not offer their GPUs by themselves."""
    pools = _without_device_plugin(foundation)
    if devices is not None and pools:
        args = DevicePluginsArgs(devices, images.get(NVIDIA_DEVICE_PLUGIN), pools)
        DevicePlugins("device-plugins", args, on_cluster(foundation))


def _without_device_plugin(foundation: Foundation) -> Mapping[str, Placement]:
    return {name: placement for name, placement in foundation.pools.items() if placement.needs_device_plugin}


def create_gpu_checks(
    declared: Platform, foundation: Foundation, images: Images, workspace: Workspace
) -> Mapping[str, str]:
    """The CronJobs by pool."""
    checks = {
        name: GpuCheck(foundation.pools[name], images.get(pool.gpu.check_image), pool.gpu.count)
        for name, pool in declared.node_pools.items()
        if pool.gpu is not None and pool.gpu.check_image is not None
    }
    if not checks:
        return {}
    return GpuChecks("gpu-checks", GpuChecksArgs(workspace, checks), on_cluster(foundation)).cron_jobs

"""The GPUs that nodes offer, who has them, and what their sensors would say."""

import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

RESOURCE = "nvidia.com/gpu"
PRODUCT = "nvidia.com/gpu.product"
READING = "gpu-{}.ml-platform.io/readings"
"""A node's annotation: readings of one GPU instead of the usual ones, such as `DCGM_FI_DEV_XID_ERRORS=79`."""

MEMORY = {
    "NVIDIA-T4": 15360,
    "NVIDIA-L4": 23034,
    "NVIDIA-A10G": 23028,
    "NVIDIA-L40S": 46068,
    "NVIDIA-A100-SXM4-40GB": 40960,
    "NVIDIA-A100-SXM4-80GB": 81920,
    "NVIDIA-H100-80GB-HBM3": 81559,
    "NVIDIA-H200": 143771,
}
"""In MiB; models that are not listed have as much as the smallest."""

LAST_XID, XIDS = "DCGM_FI_DEV_XID_ERRORS", "DCGM_EXP_XID_ERRORS_COUNT"
METRICS = {
    "DCGM_FI_DEV_GPU_UTIL": "GPU utilization (in %).",
    "DCGM_FI_DEV_FB_USED": "Framebuffer memory used (in MiB).",
    "DCGM_FI_DEV_FB_FREE": "Framebuffer memory free (in MiB).",
    "DCGM_FI_DEV_GPU_TEMP": "GPU temperature (in C).",
    "DCGM_FI_DEV_POWER_USAGE": "Power draw (in W).",
    "DCGM_FI_DEV_SM_CLOCK": "SM clock frequency (in MHz).",
    LAST_XID: "Value of the last XID error encountered.",
    "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL": "Total number of double-bit volatile ECC errors.",
    "DCGM_FI_DEV_CLOCK_THROTTLE_REASONS": "Bitmask of the reasons why clocks are held back.",
}

XIDS_TEXT = "Count of XID errors within the window."
"""Of the exporter's own: for ten minutes there, here for as long as the last one is what a node is told to say."""

Object = Mapping[str, Any]
Owner = tuple[str, str, str]
"""Namespace, pod, container."""


@dataclass(frozen=True)
class Gpu:
    """One GPU, with the labels that DCGM's exporter gives it."""

    labels: Mapping[str, str]
    readings: Mapping[str, float]

    @property
    def xids(self) -> tuple[str, int]:
        """The number of an Xid and how often it was reported; as of DCGM's exporter, no number where it was not."""
        last = int(self.readings[LAST_XID])
        return (str(last), 1) if last else ("", 0)


def gpus(nodes: Sequence[Object], pods: Sequence[Object]) -> Iterator[Gpu]:
    """All GPUs of all nodes; a pod has the first ones that are free on its node."""
    owners = _owners(pods)
    for node in nodes:
        name, product = node["metadata"]["name"], node["metadata"]["labels"].get(PRODUCT, "")
        count = int(node["status"].get("allocatable", {}).get(RESOURCE, "0"))
        for number, owner in zip(range(count), [*owners[name], *([None] * count)], strict=False):
            yield Gpu(_labels(name, product, number, owner), _readings(node, product, number, owner is not None))


def _owners(pods: Sequence[Object]) -> dict[str, list[Owner | None]]:
    """By node, whoever holds GPUs there, as often as it holds one."""
    found: dict[str, list[Owner | None]] = defaultdict(list)
    for pod in pods:
        if pod["status"].get("phase") != "Running":
            continue
        for container in pod["spec"]["containers"]:
            held = int(container.get("resources", {}).get("limits", {}).get(RESOURCE, "0"))
            owner = (pod["metadata"]["namespace"], pod["metadata"]["name"], container["name"])
            found[pod["spec"].get("nodeName", "")] += [owner] * held
    return found


def _labels(node: str, product: str, number: int, owner: Owner | None) -> dict[str, str]:
    namespace, pod, container = owner or ("", "", "")
    return {
        "gpu": str(number),
        "UUID": f"GPU-{uuid.uuid5(uuid.NAMESPACE_DNS, f'{number}.{node}')}",
        "device": f"nvidia{number}",
        "modelName": product.replace("-", " "),
        "Hostname": node,
        "namespace": namespace,
        "pod": pod,
        "container": container,
        "simulated": "true",
    }


def _readings(node: Object, product: str, number: int, busy: bool) -> dict[str, float]:
    memory = MEMORY.get(product, min(MEMORY.values()))
    used = memory * (0.6 if busy else 0.0)
    usual = {
        "DCGM_FI_DEV_GPU_UTIL": 85.0 if busy else 0.0,
        "DCGM_FI_DEV_FB_USED": used,
        "DCGM_FI_DEV_FB_FREE": memory - used,
        "DCGM_FI_DEV_GPU_TEMP": 65.0 if busy else 32.0,
        "DCGM_FI_DEV_POWER_USAGE": 210.0 if busy else 25.0,
        "DCGM_FI_DEV_SM_CLOCK": 1710.0 if busy else 210.0,
        LAST_XID: 0.0,
        "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL": 0.0,
        "DCGM_FI_DEV_CLOCK_THROTTLE_REASONS": 0.0,
    }
    written = (node["metadata"].get("annotations") or {}).get(READING.format(number), "")
    return usual | dict(written_readings(written))


def written_readings(text: str) -> Iterator[tuple[str, float]]:
    """`NAME=NUMBER,...`; whatever is no reading of a GPU is left out."""
    for entry in text.split(","):
        name, _, value = entry.strip().partition("=")
        try:
            number = float(value)
        except ValueError:
            continue
        if name in METRICS:
            yield name, number

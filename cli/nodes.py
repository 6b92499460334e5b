"""The nodes of the cluster, and who uses their GPUs."""

from collections import Counter
from dataclasses import dataclass

from cli.objects import ON_A_NODE, Object, Objects, is_true

GPU = "nvidia.com/gpu"
_SIMULATED = ("type", "kwok")


@dataclass(frozen=True)
class Node:
    """A node; `gpus_used` of its `gpus` are requested by pods that have not finished."""

    name: str
    ready: bool
    simulated: bool
    gpu_model: str
    gpus: int
    gpus_used: int
    gpu_check: str = ""
    """What `make gpu-check` found last."""


def nodes(objects: Objects, **query: str) -> list[Node]:
    """All nodes, or those that a selector names."""
    used: Counter[str] = Counter()
    for pod in objects.listed("/api/v1/pods", fieldSelector=ON_A_NODE):
        used[pod["spec"]["nodeName"]] += _gpus(pod)
    return [_node(each, used[each["metadata"]["name"]]) for each in objects.listed("/api/v1/nodes", **query)]


def _node(found: Object, gpus_used: int) -> Node:
    labels = found["metadata"].get("labels", {})
    return Node(
        name=found["metadata"]["name"],
        ready=is_true(found, "Ready"),
        simulated=labels.get(_SIMULATED[0]) == _SIMULATED[1],
        gpu_model=labels.get("nvidia.com/gpu.product", ""),
        gpus=int(found["status"].get("allocatable", {}).get(GPU, 0)),
        gpus_used=gpus_used,
    )


def _gpus(pod: Object) -> int:
    containers = pod["spec"]["containers"]
    return sum(int(each.get("resources", {}).get("limits", {}).get(GPU, 0)) for each in containers)

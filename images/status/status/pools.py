"""Nodes by pool, and the GPUs in use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from status.units import shown
from status.workloads import GPU, SIMULATED, gpus

Object = Mapping[str, Any]
_PRODUCT = f"{GPU}.product"
_KWOK = "kwok.x-k8s.io/node"
_STACK = "ml-platform.io/stack"
_UNITS = {"Ki": 1024, "Mi": 1024**2, "Gi": 1024**3, "Ti": 1024**4, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


@dataclass(frozen=True)
class Pool:
    """`used` GPUs are held by pods that have not ended; `ready` is the number of ready nodes."""

    name: str
    simulated: bool
    model: str
    nodes: int
    ready: int
    gpus: int
    used: int

    @property
    def free(self) -> int:
        return max(0, self.gpus - self.used)


@dataclass(frozen=True)
class Node:
    name: str
    pool: str
    ready: bool
    simulated: bool
    cpu: str
    memory: str
    version: str


Declared = Mapping[str, Mapping[str, Any]]
"""By pool, the `labels` of its nodes and whether they are `simulated`."""


def pools(declared: Declared, nodes: Sequence[Object], pods: Sequence[Object]) -> list[Pool]:
    """All declared pools; one that scales may have no node at the moment."""
    held = _held(pods)
    found = []
    for name, pool in declared.items():
        own = [node for node in nodes if _has(node, pool["labels"])]
        models = sorted({_labels(node)[_PRODUCT] for node in own if _PRODUCT in _labels(node)})
        found.append(
            Pool(
                name=name,
                simulated=pool["simulated"],
                model=", ".join(models),
                nodes=len(own),
                ready=sum(map(_is_ready, own)),
                gpus=sum(int(node["status"].get("allocatable", {}).get(GPU, 0)) for node in own),
                used=sum(held.get(node["metadata"]["name"], 0) for node in own),
            )
        )
    return found


def own_nodes(stack: str, found: Sequence[Object]) -> list[Object]:
    """Without the nodes that another stack created on the same cluster."""
    return [each for each in found if _labels(each).get(_STACK, stack) == stack]


def nodes(declared: Declared, found: Sequence[Object]) -> list[Node]:
    """By name."""
    return [_node(declared, each) for each in sorted(found, key=lambda each: str(each["metadata"]["name"]))]


def _has(node: Object, labels: Mapping[str, str]) -> bool:
    return _labels(node).items() >= labels.items()


def _node(declared: Declared, node: Object) -> Node:
    offered = node["status"].get("allocatable", {})
    return Node(
        name=node["metadata"]["name"],
        pool=", ".join(name for name, pool in declared.items() if _has(node, pool["labels"])),
        ready=_is_ready(node),
        simulated=_labels(node).get(SIMULATED) == "true" or _KWOK in node["metadata"].get("annotations", {}),
        cpu=str(offered.get("cpu", "")),
        memory=amount(str(offered.get("memory", ""))),
        version=node["status"].get("nodeInfo", {}).get("kubeletVersion", ""),
    )


def amount(quantity: str) -> str:
    """A memory quantity in readable units."""
    number = quantity.rstrip("KMGTik")
    try:
        return shown(float(number) * _UNITS.get(quantity.removeprefix(number), 1), "bytes")
    except ValueError:
        return quantity


def _held(pods: Sequence[Object]) -> dict[str, int]:
    """GPUs by node."""
    held: dict[str, int] = {}
    for pod in pods:
        if pod["status"].get("phase") in ("Pending", "Running") and pod["spec"].get("nodeName"):
            held[pod["spec"]["nodeName"]] = held.get(pod["spec"]["nodeName"], 0) + gpus(pod)
    return held


def _labels(node: Object) -> Mapping[str, str]:
    labels: Mapping[str, str] = node["metadata"].get("labels", {})
    return labels


def _is_ready(node: Object) -> bool:
    return any(each["type"] == "Ready" and each["status"] == "True" for each in node["status"].get("conditions", []))

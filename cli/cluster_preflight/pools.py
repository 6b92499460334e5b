"""Checks that each pool has the nodes that it promises."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from kubernetes import client
from kubernetes.utils.quantity import parse_quantity

from cli.cluster_preflight.wanted import POOLS, Wanted
from cli.finding import Finding
from cli.nodes import GPU
from infra.declaration.pools import NodePool
from infra.declaration.types import cpu_millis, memory_bytes, parse_taint

_OF_KUBERNETES = ("node.kubernetes.io/", "node.cloudprovider.kubernetes.io/")
"""Taints that come and go with a node's state."""


def pools_have_nodes(api: client.ApiClient, wanted: Wanted) -> Iterator[Finding]:
    """Nodes with the labels, the GPUs, and no taint that the pods don't tolerate; and the RuntimeClass."""
    classes = {each.metadata.name for each in client.NodeV1Api(api).list_runtime_class().items}
    for name, pool in wanted.declared.node_pools.items():
        chosen = ",".join(f"{key}={value}" for key, value in pool.labels.items())
        nodes = client.CoreV1Api(api).list_node(label_selector=chosen).items
        path = f"{POOLS}.{name}"
        if not nodes:
            fix = "write labels that the nodes have, unless the cluster adds nodes by itself"
            yield Finding(f"{path}.labels", f"no node has the labels {chosen}", fix, blocking=False)
        elif len(nodes) < pool.max:
            fix = "write how many there are, unless the cluster adds more by itself"
            yield Finding(f"{path}.max", f"{len(nodes)} of {pool.max} nodes are there", fix, blocking=False)
        yield from _sizes(path, pool, nodes)
        yield from _gpus(path, pool, nodes)
        yield from _taints(path, pool, nodes)
        if pool.runtime_class_name is not None and pool.runtime_class_name not in classes:
            there = ", ".join(sorted(classes)) or "none"
            problem = f"there is no RuntimeClass '{pool.runtime_class_name}'"
            yield Finding(f"{path}.runtimeClassName", problem, f"there is {there}; write one, or remove it")


def _sizes(path: str, pool: NodePool, nodes: list[Any]) -> Iterator[Finding]:
    """A pod that fits the declared size must fit a node."""
    offered = [node.status.allocatable or {} for node in nodes]
    for kind, wanted in (("cpu", Decimal(cpu_millis(pool.instance.cpu)) / 1000), ("memory", memory(pool))):
        most = max((parse_quantity(each.get(kind, "0")) for each in offered), default=wanted)
        if most < wanted:
            largest = next(each[kind] for each in offered if parse_quantity(each.get(kind, "0")) == most)
            problem = f"no node offers as much; the most is {largest}"
            yield Finding(f"{path}.instance.{kind}", problem, "write what is allocatable to pods on one node")


def memory(pool: NodePool) -> Decimal:
    """Bytes of one node."""
    return Decimal(memory_bytes(pool.instance.memory))


def _gpus(path: str, pool: NodePool, nodes: list[Any]) -> Iterator[Finding]:
    """What the device plugin offers; the platform's own one is not there yet."""
    if pool.gpu is None or pool.device_plugin or not nodes:
        return
    models = {node.metadata.labels[f"{GPU}.product"] for node in nodes if f"{GPU}.product" in node.metadata.labels}
    if models and pool.gpu.model not in models:
        problem = f"the nodes have {', '.join(sorted(models))}"
        yield Finding(f"{path}.gpu.model", problem, "write that", blocking=False)
    most = max(int((node.status.allocatable or {}).get(GPU, 0)) for node in nodes)
    if most == 0:
        fix = "install NVIDIA's device plugin or GPU operator, or set devicePlugin: true"
        yield Finding(f"{path}.gpu", f"no node of the pool offers {GPU}", fix)
    elif most < pool.gpu.count:
        problem = f"no node has {pool.gpu.count} GPUs; the most are {most}"
        yield Finding(f"{path}.gpu.count", problem, f"write at most {most}")


def _taints(path: str, pool: NodePool, nodes: list[Any]) -> Iterator[Finding]:
    declared = {parse_taint(taint) for taint in pool.taints}
    found = {
        (taint.key, taint.value or "", taint.effect)
        for node in nodes
        for taint in node.spec.taints or []
        if taint.effect != "PreferNoSchedule" and not taint.key.startswith(_OF_KUBERNETES)
    }
    for key, value, effect in sorted(found - declared):
        if not (key == GPU and effect == "NoSchedule" and pool.gpu):
            written = f"{key}={value}:{effect}" if value else f"{key}:{effect}"
            yield Finding(f"{path}.taints", f"nodes have the taint {written}", f'write "{written}"')

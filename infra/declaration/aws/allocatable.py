"""What an EC2 instance leaves to pods, as Karpenter computes it before the instance exists.

https://github.com/aws/karpenter-provider-aws/blob/v1.14.1/pkg/providers/instancetype/types.go
"""

from __future__ import annotations

import itertools
import math

from infra.catalogue.aws.instance_types import InstanceType
from infra.catalogue.node_agents import GPU_EXPORTER, LOG_COLLECTOR, NODE_EXPORTER, PODS_OF_A_NODE
from infra.declaration.types import cpu_millis, memory_bytes

_HYPERVISOR = 0.075
"""The share of an instance's memory that Karpenter sets aside for the hypervisor and the kernel."""
_KUBE_RESERVED = 255 + 11 * PODS_OF_A_NODE
"""The kubelet reserves memory for each pod."""
_EVICTION_THRESHOLD = 100
_KUBE_RESERVED_CPU = ((0, 0.06), (1000, 0.01), (2000, 0.005), (4000, 0.0025))
"""From so many millicores on, up to the next step, that share is reserved for the kubelet."""
_HUGE_PAGES_OF_A_CPU = 110 * 2
"""MiB that Bottlerocket, the nodes' operating system, allocates as huge pages if an EFA interface is attached."""


def allocatable_cpu(machine: InstanceType, *, logs: bool) -> int:
    """Millicores for pods of workloads; `logs`: whether the logs of pods are collected."""
    cpu = machine.cpu * 1000
    steps = [*_KUBE_RESERVED_CPU, (math.inf, 0.0)]
    reserved = sum(
        int((min(cpu, end) - start) * share) for (start, share), (end, _) in itertools.pairwise(steps) if cpu > start
    )
    return cpu - reserved - sum(cpu_millis(agent["cpu"]) for agent in _agents(machine, logs))


def allocatable_memory(machine: InstanceType, *, efa: bool, logs: bool) -> int:
    """MiB for pods of workloads."""
    system = math.ceil(machine.memory * _HYPERVISOR) + _KUBE_RESERVED + _EVICTION_THRESHOLD
    huge_pages = machine.cpu * _HUGE_PAGES_OF_A_CPU if efa and machine.efa else 0
    agents = sum(memory_bytes(agent["memory"]) for agent in _agents(machine, logs)) // 2**20
    return machine.memory - system - huge_pages - agents


def _agents(machine: InstanceType, logs: bool) -> list[dict[str, str]]:
    return [NODE_EXPORTER, *([LOG_COLLECTOR] if logs else []), *([GPU_EXPORTER] if machine.gpus else [])]

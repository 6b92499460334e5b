"""Pods that name no pool: a plan can only say where they certainly don't fit.

On AWS the platform's own pods share their nodes; elsewhere the stack does not declare these nodes.
"""

from __future__ import annotations

from dataclasses import dataclass

from cli.capacity.bounds import can_hold
from cli.capacity.nodes import Put, in_units
from cli.waiting.amounts import text
from cli.waiting.cause import Cause, Reason
from infra.catalogue.aws.instance_types import instance_type
from infra.catalogue.node_agents import PODS_OF_A_NODE
from infra.declaration.aws.allocatable import allocatable_cpu, allocatable_memory
from infra.declaration.model import Platform
from infra.declaration.node_room import Node, amounts
from infra.workloads.kind import Request

_UNKNOWN = Cause(Reason.SCHEDULER, "it names no pool, and the stack does not declare the nodes of such pods")


@dataclass(frozen=True)
class Elsewhere:
    """The nodes of everything that names no pool; `node` is None where they are not declared."""

    node: Node | None
    nodes: int
    shape: str

    def put(self, asked: Request, pods: int) -> Put:
        """Pods of one workload, as if it had all of these nodes."""
        if not pods:
            return Put(0, 0)
        if self.node is None:
            return Put(0, pods, _UNKNOWN)
        size = amounts(asked)
        if can_hold({size: pods}, self.node, self.nodes):
            why = "it names no pool, and the platform's own pods share these nodes"
            return Put(0, pods, Cause(Reason.SCHEDULER, why))
        if not can_hold({size: 1}, self.node, self.nodes):
            message = f"no system node is large enough: a pod needs {text(in_units(size))}"
            return Put(0, 0, Cause(Reason.NO_SUCH_NODE, message, "ask for less, or declare a pool"))
        message = f"{pods} pods do not fit on the {self.nodes} system nodes, which is their maximum"
        return Put(0, 0, Cause(Reason.POOL_MAXIMUM, message, "raise foundation.aws.systemPool.max, or declare a pool"))


def elsewhere(platform: Platform) -> Elsewhere:
    """Of a stack: the system pool on AWS."""
    aws = platform.foundation.aws
    if aws is None:
        return Elsewhere(None, 0, "")
    types, logs = aws.system_pool.instance_types, platform.collects_logs
    machines = [instance_type(name) for name in types]
    cpu = max(allocatable_cpu(machine, logs=logs) for machine in machines)
    memory = max(allocatable_memory(machine, efa=False, logs=logs) for machine in machines)
    node = (cpu, memory * 2**20, 0, PODS_OF_A_NODE)
    return Elsewhere(node, aws.system_pool.max, f"{' or '.join(types)}, at most {aws.system_pool.max} nodes")

"""Simulated node pools: pods are scheduled to their nodes but never executed.

kwok reports their status; it manages only nodes with its annotation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import pulumi

from infra.catalogue.names import POOL_LABEL, PROJECT, STACK_LABEL
from infra.catalogue.node_agents import PODS_OF_A_NODE
from infra.declaration.pool_nodes import GPU, SIMULATED_LABELS
from infra.declaration.pools import NodePool
from infra.foundation.contract import Placement, Toleration
from infra.foundation.node_labels import node_taints, pool_labels

_DISK = "1Ti"


@dataclass(frozen=True)
class SimulatedPoolArgs:
    settings: NodePool
    stack: str


class SimulatedPool(pulumi.ComponentResource):
    """Creates the pool's maximum number of nodes."""

    placement: Placement

    def __init__(self, name: str, args: SimulatedPoolArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:foundation:SimulatedPool", name, None, opts)
        nodes = [self._node(f"{name}-{number}", name, args) for number in range(args.settings.max)]
        self.placement = Placement(
            pool=name,
            node_selector={POOL_LABEL: name},
            tolerations=node_taints(name, args.settings, simulated=True),
            gpus=args.settings.gpu is not None,
            simulated=True,
            ready=nodes,
        )
        self.register_outputs({})

    def _node(self, name: str, pool: str, args: SimulatedPoolArgs) -> SimulatedNode:
        labels = {**node_labels(name, pool, args.settings), STACK_LABEL: args.stack}
        # After creation, status can only be changed by its subresource, and taints are changed by the
        # cluster's controllers.
        changes = ["status", "spec.taints"]
        opts = pulumi.ResourceOptions(parent=self, replace_on_changes=changes, delete_before_replace=True)
        taints = node_taints(pool, args.settings, simulated=True)
        return SimulatedNode(name, labels, taints, capacity(args.settings), opts)


class SimulatedNode(pulumi.CustomResource):
    """A Node with a status, as a kubelet would report it; the SDK's class has no argument for it."""

    def __init__(
        self,
        name: str,
        labels: Mapping[str, str],
        taints: Sequence[Toleration],
        offered: Mapping[str, str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        manifest = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "annotations": {"kwok.x-k8s.io/node": "fake"}, "labels": labels},
            "spec": {"taints": [asdict(taint) for taint in taints]},
            "status": {"allocatable": offered, "capacity": offered},
        }
        super().__init__("kubernetes:core/v1:Node", name, manifest, opts)


def capacity(pool: NodePool) -> dict[str, str]:
    """The allocatable resources of one node."""
    gpus = {GPU: str(pool.gpu.count)} if pool.gpu else {}
    instance = pool.instance
    fixed = {"pods": str(PODS_OF_A_NODE), "ephemeral-storage": _DISK}
    return {"cpu": instance.cpu, "memory": instance.memory, **fixed, **gpus}


def node_labels(name: str, pool: str, settings: NodePool) -> dict[str, str]:
    """Labels of a real node of this kind, and one that marks it as simulated."""
    return {
        **pool_labels(pool, settings),
        **SIMULATED_LABELS,
        "kubernetes.io/hostname": name,
    }

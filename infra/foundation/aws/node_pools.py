"""Node pools: NodePool and NodeClass objects, which EKS Auto Mode (Karpenter) reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.catalogue.aws.instance_types import instance_type
from infra.catalogue.names import POOL_LABEL, PROJECT, STACK_LABEL, labels
from infra.declaration.aws.pools import RESERVED_CAPACITY, Ec2Pool, ec2_settings
from infra.declaration.aws.system_pool import SystemPool as SystemPoolSettings
from infra.declaration.pool_nodes import GPU
from infra.declaration.pools import NodePool
from infra.foundation.aws.context import AwsContext
from infra.foundation.aws.disruption import in_the_window
from infra.foundation.contract import Placement
from infra.foundation.node_labels import node_taints, pool_labels

SYSTEM = "ml-platform-system"
"""The name of the pool of everything that names none; its nodes have no taint."""

_CAPACITY = {"onDemand": "on-demand", "spot": "spot", "reserved": "reserved", "capacityBlock": "reserved"}
_IDLE = "5m"
"""How long an empty node is kept, for the next job of a series."""
_HUGE_PAGES_OF_A_GPU = 640
"""MiB, as in AWS's example: 5120 for the 8 GPUs of a p5.48xlarge.

https://docs.aws.amazon.com/eks/latest/userguide/node-efa.html
"""
_DAY = 24 * 3600
_OLDEST = f"{21 * _DAY}s"
"""The age at which EKS Auto Mode replaces any node."""


@dataclass(frozen=True)
class NodesArgs:
    """What nodes of all pools have in common; `subnets` are by zone, and `window` is the maintenance window."""

    context: AwsContext
    role: str
    subnets: Mapping[str, pulumi.Output[str]]
    security_group: pulumi.Input[str]
    disk_key: pulumi.Input[str]
    window: str


@dataclass(frozen=True)
class PoolArgs:
    """`longest_job`: seconds that a job in the pool may take."""

    settings: NodePool
    nodes: NodesArgs
    zones: Sequence[str]
    longest_job: int


class Pool(pulumi.ComponentResource):
    """Nodes for pending pods, from none to the declared maximum; or, with a fixed size, always the maximum."""

    placement: Placement

    def __init__(self, name: str, args: PoolArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        settings = ec2_settings(args.settings)
        kind = "AwsFixedPool" if settings.fixed_size else "AwsElasticPool"
        super().__init__(f"{PROJECT}:foundation:{kind}", name, None, opts)
        node_class = node_class_spec(args.nodes, args.zones, settings.disk, settings)
        spec = node_pool_spec(name, args.settings, args.zones, args.nodes.window, args.longest_job)
        pool = _pool(object_name(name, settings), node_class, spec, args.nodes.context, self)
        self.placement = Placement(
            pool=name,
            node_selector={POOL_LABEL: name},
            tolerations=node_taints(name, args.settings),
            gpus=args.settings.gpu is not None,
            resources_with=partial(efa_share, args.settings),
            simulated=False,
            ready=[pool],
        )
        self.register_outputs({})


@dataclass(frozen=True)
class SystemPoolArgs:
    settings: SystemPoolSettings
    nodes: NodesArgs


class SystemPool(pulumi.ComponentResource):
    """The nodes of everything that names no pool."""

    pool: pulumi.Resource

    def __init__(self, name: str, args: SystemPoolArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:foundation:AwsSystemPool", name, None, opts)
        zones = list(args.nodes.subnets)
        node_class = node_class_spec(args.nodes, zones, args.settings.disk)
        spec = system_pool_spec(args.settings, zones, args.nodes.window)
        self.pool = _pool(SYSTEM, node_class, spec, args.nodes.context, self)
        self.register_outputs({})


def object_name(name: str, settings: Ec2Pool) -> str:
    """A NodePool cannot become one of fixed size, nor the other way round: the other one has another name."""
    return f"{name}.fixed" if settings.fixed_size else name


def _pool(
    name: str, node_class: Mapping[str, Any], spec: Mapping[str, Any], context: AwsContext, parent: pulumi.Resource
) -> CustomResource:
    metadata = ObjectMetaArgs(name=name, labels={**labels(name, "node-pool"), STACK_LABEL: context.stack})
    of_eks = CustomResource(
        name,
        api_version="eks.amazonaws.com/v1",
        kind="NodeClass",
        metadata=metadata,
        spec=node_class,
        opts=pulumi.ResourceOptions(parent=parent),
    )
    return CustomResource(
        name,
        api_version="karpenter.sh/v1",
        kind="NodePool",
        metadata=metadata,
        spec=spec,
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[of_eks]),
    )


def node_class_spec(nodes: NodesArgs, zones: Sequence[str], disk: str, pool: Ec2Pool | None = None) -> dict[str, Any]:
    """Subnets, security group and disk of the nodes; of a declared pool also its reservation, placement and EFA."""
    return {
        "role": nodes.role,
        "subnetSelectorTerms": [{"id": nodes.subnets[zone]} for zone in zones],
        "securityGroupSelectorTerms": [{"id": nodes.security_group}],
        "ephemeralStorage": {"size": disk, "kmsKeyID": nodes.disk_key},
        # DefaultDeny would cut off pods that no policy selects, such as those of add-ons in kube-system.
        "networkPolicy": "DefaultAllow",
        **(_of_the_pool(pool) if pool else {}),
        "tags": dict(nodes.context.tags),
    }


def _of_the_pool(pool: Ec2Pool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if pool.reservation:
        # On-demand reservations and capacity blocks alike.
        found["capacityReservationSelectorTerms"] = [{"id": pool.reservation}]
    if pool.placement_group:
        found["placementGroupSelector"] = {"name": pool.placement_group}
    if pool.efa:
        found["advancedNetworking"] = {"networkInterfaces": efa_interfaces(pool)}
    return found


def efa_interfaces(pool: Ec2Pool) -> list[dict[str, Any]]:
    """One for IP traffic, and one only for EFA on each network card that has it.

    EKS Auto Mode then adds no addresses later: pods of a node have the 16 of one prefix.
    https://docs.aws.amazon.com/eks/latest/userguide/device-management-efa.html#eks-efa-auto-mode
    """
    machine = instance_type(pool.instance_types[0])
    first = {"networkCardIndex": 0, "deviceIndex": 0, "interfaceType": "interface", "secondaryIPv4PrefixCount": 1}
    cards = range(machine.efa_card, machine.efa_card + machine.efa)
    return [
        first,
        *(
            {"networkCardIndex": card, "deviceIndex": 1 if card == 0 else 0, "interfaceType": "efa-only"}
            for card in cards
        ),
    ]


def efa_share(pool: NodePool, gpus: int) -> dict[str, str]:
    """What a pod with so many GPUs gets of its node's EFA interfaces, and huge pages for their buffers."""
    settings = ec2_settings(pool)
    if not settings.efa or pool.gpu is None:
        return {}
    interfaces = instance_type(settings.instance_types[0]).efa * gpus // pool.gpu.count
    huge_pages = {"hugepages-2Mi": f"{gpus * _HUGE_PAGES_OF_A_GPU}Mi"}
    return {"vpc.amazonaws.com/efa": str(interfaces), **huge_pages} if interfaces else {}


def node_pool_spec(name: str, pool: NodePool, zones: Sequence[str], window: str, longest_job: int) -> dict[str, Any]:
    """Instance types, labels, taints and limits of the nodes; a job in the pool takes at most `longest_job` seconds."""
    settings = ec2_settings(pool)
    capacity = [_CAPACITY[kind] for kind in settings.capacity]
    spec = {
        **_machines(object_name(name, settings), settings.instance_types, capacity, zones),
        "taints": [asdict(taint) for taint in node_taints(name, pool)],
        "expireAfter": f"{settings.expiry}s",
        # A node that is too old or outdated takes no more pods, and its jobs may end.
        "terminationGracePeriod": f"{max(longest_job, _DAY)}s",
    }
    return {
        **({"replicas": pool.max} if settings.fixed_size else {}),
        "template": {"metadata": {"labels": pool_labels(name, pool)}, "spec": spec},
        # Running jobs are not evicted to save cost: only empty nodes are removed.
        "disruption": {
            "consolidationPolicy": "WhenEmpty",
            "consolidateAfter": _IDLE,
            "budgets": in_the_window(window, ["Drifted"]),
        },
        "limits": limits(pool),
    }


def system_pool_spec(settings: SystemPoolSettings, zones: Sequence[str], window: str) -> dict[str, Any]:
    """Servers with one pod are moved in the window only, whether to update nodes or to save them."""
    smallest = min(instance_type(name).cpu for name in settings.instance_types)
    return {
        "template": {
            "metadata": {"labels": {POOL_LABEL: SYSTEM}},
            "spec": {
                **_machines(SYSTEM, settings.instance_types, ["on-demand"], zones),
                "expireAfter": _OLDEST,
                "terminationGracePeriod": f"{_DAY}s",
            },
        },
        "disruption": {
            "consolidationPolicy": "WhenEmptyOrUnderutilized",
            "consolidateAfter": _IDLE,
            "budgets": in_the_window(window, ["Drifted", "Underutilized"]),
        },
        "limits": {"cpu": str(settings.max * smallest)},
    }


def _machines(node_class: str, types: Sequence[str], capacity: Sequence[str], zones: Sequence[str]) -> dict[str, Any]:
    requirements = {
        "node.kubernetes.io/instance-type": list(types),
        "karpenter.sh/capacity-type": list(capacity),
        "topology.kubernetes.io/zone": list(zones),
        "kubernetes.io/arch": ["amd64"],
    }
    return {
        "nodeClassRef": {"group": "eks.amazonaws.com", "kind": "NodeClass", "name": node_class},
        "requirements": [{"key": key, "operator": "In", "values": values} for key, values in requirements.items()],
    }


def limits(pool: NodePool) -> dict[str, str]:
    """The maximum number of nodes in Karpenter's units, computed for the smallest instance type.

    In a pool of fixed size an outdated node is replaced by a further one. A reservation that is in use has no room for
    it: there, nodes are replaced when they are too old, after they have gone.
    """
    settings = ec2_settings(pool)
    if settings.fixed_size:
        further = 0 if RESERVED_CAPACITY.issuperset(settings.capacity) else 1
        return {"nodes": str(pool.max + further)}
    cpu = min(instance_type(name).cpu for name in ec2_settings(pool).instance_types)
    gpus = {GPU: str(pool.max * pool.gpu.count)} if pool.gpu else {}
    return gpus or {"cpu": str(pool.max * cpu)}

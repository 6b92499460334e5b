"""Node pools that come and go with the jobs: EKS's Karpenter reads them from the cluster itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.catalogue.aws.instance_types import instance_type
from infra.catalogue.names import POOL_LABEL, PROJECT, STACK_LABEL, labels
from infra.declaration.pools import NodePool
from infra.foundation.aws.context import AwsContext
from infra.foundation.contract import Placement
from infra.foundation.node_labels import GPU, pool_labels, pool_taints

_CAPACITY = {"onDemand": "on-demand", "spot": "spot", "reserved": "reserved"}
_IDLE = "5m"
"""How long a node without pods stays: the next job of a series finds it still there."""


@dataclass(frozen=True)
class ElasticPoolArgs:
    settings: NodePool
    context: AwsContext
    zones: Sequence[str]
    role: str
    subnets: Mapping[str, pulumi.Output[str]]
    security_group: pulumi.Input[str]
    disk_key: pulumi.Input[str]


class ElasticPool(pulumi.ComponentResource):
    """From no node at all to the declared number, and back."""

    placement: Placement

    def __init__(self, name: str, args: ElasticPoolArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:foundation:AwsElasticPool", name, None, opts)
        node_class = self._object(name, "eks.amazonaws.com/v1", "NodeClass", node_class_spec(args), args, [])
        node_pool = self._object(
            name, "karpenter.sh/v1", "NodePool", node_pool_spec(name, args.settings, args.zones), args, [node_class]
        )
        self.placement = Placement(
            pool=name,
            node_selector={POOL_LABEL: name},
            tolerations=pool_taints(args.settings),
            gpus=args.settings.gpu is not None,
            simulated=False,
            ready=[node_pool],
        )
        self.register_outputs({})

    def _object(
        self,
        name: str,
        version: str,
        kind: str,
        spec: Mapping[str, Any],
        args: ElasticPoolArgs,
        after: Sequence[pulumi.Resource],
    ) -> CustomResource:
        metadata = ObjectMetaArgs(name=name, labels={**labels(name, "node-pool"), STACK_LABEL: args.context.stack})
        opts = pulumi.ResourceOptions(parent=self, depends_on=list(after))
        return CustomResource(name, api_version=version, kind=kind, metadata=metadata, spec=spec, opts=opts)


def node_class_spec(args: ElasticPoolArgs) -> dict[str, Any]:
    """Where nodes stand, and with which disk."""
    reservation = args.settings.reservation
    return {
        "role": args.role,
        "subnetSelectorTerms": [{"id": args.subnets[zone]} for zone in args.zones],
        "securityGroupSelectorTerms": [{"id": args.security_group}],
        "ephemeralStorage": {"size": args.settings.disk, "kmsKeyID": args.disk_key},
        # Not DefaultDeny: that cuts off whatever no policy selects, such as the add-on's CoreDNS in kube-system.
        "networkPolicy": "DefaultAllow",
        **({"capacityReservationSelectorTerms": [{"id": reservation}]} if reservation else {}),
        "tags": dict(args.context.tags),
    }


def node_pool_spec(name: str, pool: NodePool, zones: Sequence[str]) -> dict[str, Any]:
    """Which machines, how many, and what they carry."""
    requirements = {
        "node.kubernetes.io/instance-type": list(pool.instance.types),
        "karpenter.sh/capacity-type": [_CAPACITY[kind] for kind in pool.capacity],
        "topology.kubernetes.io/zone": list(zones),
        "kubernetes.io/arch": ["amd64"],
    }
    taints = [asdict(taint) for taint in pool_taints(pool)]
    return {
        "template": {
            "metadata": {"labels": pool_labels(name, pool)},
            "spec": {
                "nodeClassRef": {"group": "eks.amazonaws.com", "kind": "NodeClass", "name": name},
                "requirements": [
                    {"key": key, "operator": "In", "values": values} for key, values in requirements.items()
                ],
                **({"taints": taints} if taints else {}),
                "expireAfter": f"{pool.expiry}s",
            },
        },
        # A job that trains is not moved to save money: only empty nodes go.
        "disruption": {"consolidationPolicy": "WhenEmpty", "consolidateAfter": _IDLE},
        "limits": limits(pool),
    }


def limits(pool: NodePool) -> dict[str, str]:
    """The declared number of nodes in the units that Karpenter counts: those of the smallest machine."""
    cpu = min(instance_type(name).cpu for name in pool.instance.types)
    gpus = {GPU: str(pool.max * pool.gpu.count)} if pool.gpu else {}
    return gpus or {"cpu": str(pool.max * cpu)}

"""Node pools that scale with the jobs: NodePool and NodeClass objects, which EKS Auto Mode (Karpenter) reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.catalogue.aws.instance_types import instance_type
from infra.catalogue.names import POOL_LABEL, PROJECT, STACK_LABEL, labels
from infra.declaration.aws.pools import ec2_settings
from infra.declaration.pools import NodePool
from infra.foundation.aws.context import AwsContext
from infra.foundation.contract import Placement
from infra.foundation.node_labels import GPU, pool_labels, pool_taints

_CAPACITY = {"onDemand": "on-demand", "spot": "spot", "reserved": "reserved"}
_IDLE = "5m"
"""How long an empty node is kept, for the next job of a series."""


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
    """Scales from the declared minimum to the maximum and back."""

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
    """Subnets, security group and disk of the nodes."""
    settings = ec2_settings(args.settings)
    reservation = settings.reservation
    return {
        "role": args.role,
        "subnetSelectorTerms": [{"id": args.subnets[zone]} for zone in args.zones],
        "securityGroupSelectorTerms": [{"id": args.security_group}],
        "ephemeralStorage": {"size": settings.disk, "kmsKeyID": args.disk_key},
        # DefaultDeny would cut off pods that no policy selects, such as CoreDNS in kube-system.
        "networkPolicy": "DefaultAllow",
        **({"capacityReservationSelectorTerms": [{"id": reservation}]} if reservation else {}),
        "tags": dict(args.context.tags),
    }


def node_pool_spec(name: str, pool: NodePool, zones: Sequence[str]) -> dict[str, Any]:
    """Instance types, labels, taints and limits of the nodes."""
    settings = ec2_settings(pool)
    requirements = {
        "node.kubernetes.io/instance-type": list(settings.instance_types),
        "karpenter.sh/capacity-type": [_CAPACITY[kind] for kind in settings.capacity],
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
                "expireAfter": f"{settings.expiry}s",
            },
        },
        # Running jobs are not evicted to save cost: only empty nodes are removed.
        "disruption": {"consolidationPolicy": "WhenEmpty", "consolidateAfter": _IDLE},
        "limits": limits(pool),
    }


def limits(pool: NodePool) -> dict[str, str]:
    """The maximum number of nodes in Karpenter's units, computed for the smallest instance type."""
    cpu = min(instance_type(name).cpu for name in ec2_settings(pool).instance_types)
    gpus = {GPU: str(pool.max * pool.gpu.count)} if pool.gpu else {}
    return gpus or {"cpu": str(pool.max * cpu)}

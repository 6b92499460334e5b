"""Node pools of fixed size as EKS managed node groups: reserved capacity, or nodes connected by EFA."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import ec2, eks

from infra.catalogue.aws.instance_types import instance_type
from infra.catalogue.names import POOL_LABEL, PROJECT
from infra.declaration.aws.pools import Ec2Pool, ec2_settings
from infra.declaration.pools import NodePool
from infra.declaration.types import memory_bytes
from infra.foundation.aws.cluster import Cluster
from infra.foundation.aws.context import AwsContext
from infra.foundation.aws.iam import instance_trust
from infra.foundation.aws.roles import ServiceRole, ServiceRoleArgs
from infra.foundation.contract import Placement
from infra.foundation.node_labels import node_taints, pool_labels

_NODE_POLICIES = ["AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy", "AmazonEC2ContainerRegistryPullOnly"]
_ADD_ONS: Mapping[str, Mapping[str, str]] = {
    "vpc-cni": {"enableNetworkPolicy": "true"},
    "kube-proxy": {},
    "coredns": {},
    "eks-pod-identity-agent": {},
}
"""Add-ons and their configuration; by default the VPC CNI does not enforce network policies."""
_CAPACITY = {"onDemand": "ON_DEMAND", "reserved": "ON_DEMAND", "spot": "SPOT", "capacityBlock": "CAPACITY_BLOCK"}
_EFFECTS = {
    "NoSchedule": "NO_SCHEDULE",
    "PreferNoSchedule": "PREFER_NO_SCHEDULE",
    "NoExecute": "NO_EXECUTE",
}


@dataclass(frozen=True)
class NodeGroupsArgs:
    context: AwsContext
    cluster: Cluster
    subnets: Mapping[str, pulumi.Output[str]]
    pools: Mapping[str, NodePool]
    zones: Mapping[str, Sequence[str]]
    """By pool."""
    disk_key: pulumi.Input[str]


class NodeGroups(pulumi.ComponentResource):
    """They share a role and the add-ons that Auto Mode provides only on its own nodes: network, DNS, pod identity."""

    placements: Mapping[str, Placement]

    def __init__(self, name: str, args: NodeGroupsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:foundation:AwsNodeGroups", name, None, opts)
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self.placements = {}
        if args.pools:
            trust = instance_trust(args.context)
            self._role = ServiceRole("managed-node", ServiceRoleArgs(args.context, trust, _NODE_POLICIES), self._child)
            self._add_ons = [self._add_on(add_on, values) for add_on, values in _ADD_ONS.items()]
            self.placements = {pool: self._group(pool, settings) for pool, settings in args.pools.items()}
        self.register_outputs({})

    def _add_on(self, name: str, values: Mapping[str, str]) -> eks.Addon:
        return eks.Addon(
            name,
            cluster_name=self._args.cluster.name,
            addon_name=name,
            configuration_values=json.dumps(values) if values else None,
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="OVERWRITE",
            opts=self._child,
        )

    def _group(self, name: str, pool: NodePool) -> Placement:
        args, settings = self._args, ec2_settings(pool)
        template = self._template(name, settings)
        taints = node_taints(name, pool)
        group = eks.NodeGroup(
            name,
            cluster_name=args.cluster.name,
            node_group_name=name,
            node_role_arn=self._role.arn,
            ami_type="AL2023_x86_64_NVIDIA" if pool.gpu else "AL2023_x86_64_STANDARD",
            capacity_type=_CAPACITY[settings.capacity[0]],
            # Capacity blocks need the instance type in the launch template.
            instance_types=None if _is_block(settings) else list(settings.instance_types),
            subnet_ids=[args.subnets[zone] for zone in args.zones[name]],
            scaling_config=eks.NodeGroupScalingConfigArgs(min_size=pool.min, desired_size=pool.min, max_size=pool.max),
            launch_template=eks.NodeGroupLaunchTemplateArgs(id=template.id, version=template.latest_version.apply(str)),
            update_config=eks.NodeGroupUpdateConfigArgs(max_unavailable=1),
            node_repair_config=eks.NodeGroupNodeRepairConfigArgs(enabled=True),
            labels=pool_labels(name, pool),
            taints=[
                eks.NodeGroupTaintArgs(key=taint.key, value=taint.value, effect=_EFFECTS[taint.effect])
                for taint in taints
            ],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._role, *self._add_ons]),
        )
        return Placement(
            pool=name,
            node_selector={POOL_LABEL: name},
            tolerations=taints,
            gpus=pool.gpu is not None,
            simulated=False,
            # The NVIDIA AMI brings the driver and the container toolkit, but no device plugin.
            needs_device_plugin=pool.gpu is not None,
            ready=[group],
        )

    def _template(self, name: str, settings: Ec2Pool) -> ec2.LaunchTemplate:
        context = self._args.context
        block = _is_block(settings)
        group = self._args.cluster.security_group
        tags = {**context.tags, "Name": f"{context.name}-{name}"}
        return ec2.LaunchTemplate(
            name,
            name=f"{context.name}-{name}",
            instance_type=settings.instance_types[0] if block else None,
            update_default_version=True,
            block_device_mappings=[_disk(settings, self._args.disk_key)],
            capacity_reservation_specification=_reservation(settings),
            instance_market_options=(
                ec2.LaunchTemplateInstanceMarketOptionsArgs(market_type="capacity-block") if block else None
            ),
            # A hop limit of 1 keeps pods from the node's role; they have identities of their own.
            metadata_options=ec2.LaunchTemplateMetadataOptionsArgs(
                http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
            ),
            network_interfaces=efa_interfaces(settings, group) if settings.efa else None,
            vpc_security_group_ids=None if settings.efa else [group],
            tag_specifications=[
                ec2.LaunchTemplateTagSpecificationArgs(resource_type=kind, tags=tags)
                for kind in ("instance", "volume", "network-interface")
            ],
            opts=self._child,
        )


def efa_interfaces(
    settings: Ec2Pool, security_group: pulumi.Input[str]
) -> list[ec2.LaunchTemplateNetworkInterfaceArgs]:
    """One interface per network card; the first one also carries IP traffic."""
    count = instance_type(settings.instance_types[0]).efa
    return [
        ec2.LaunchTemplateNetworkInterfaceArgs(
            device_index=0 if card == 0 else 1,
            network_card_index=card,
            interface_type="efa" if card == 0 else "efa-only",
            security_groups=[security_group],
            delete_on_termination="true",
        )
        for card in range(count)
    ]


def _is_block(settings: Ec2Pool) -> bool:
    return "capacityBlock" in settings.capacity


def _reservation(settings: Ec2Pool) -> ec2.LaunchTemplateCapacityReservationSpecificationArgs | None:
    if settings.reservation is None:
        return None
    return ec2.LaunchTemplateCapacityReservationSpecificationArgs(
        capacity_reservation_target=ec2.LaunchTemplateCapacityReservationSpecificationCapacityReservationTargetArgs(
            capacity_reservation_id=settings.reservation
        )
    )


def _disk(settings: Ec2Pool, key: pulumi.Input[str]) -> ec2.LaunchTemplateBlockDeviceMappingArgs:
    return ec2.LaunchTemplateBlockDeviceMappingArgs(
        device_name="/dev/xvda",
        ebs=ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
            volume_size=-(-memory_bytes(settings.disk) // 2**30),
            volume_type="gp3",
            encrypted="true",
            kms_key_id=key,
            delete_on_termination="true",
        ),
    )

"""The VPC: in each zone a public subnet for NAT gateways, a private one for nodes, an isolated one for data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import cloudwatch, ec2

from infra.catalogue.names import PROJECT
from infra.declaration.aws.addresses import zone_addresses
from infra.declaration.aws.settings import Network as Settings
from infra.foundation.aws.context import AwsContext
from infra.foundation.aws.iam import allow, document, service_trust
from infra.foundation.aws.roles import ServiceRole, ServiceRoleArgs

_ANYWHERE = "0.0.0.0/0"
_FLOW_SECONDS = 600
"""One record of each flow in that time; CloudWatch Logs charges by volume."""


@dataclass(frozen=True)
class NetworkArgs:
    settings: Settings
    context: AwsContext
    log_days: int
    log_key: pulumi.Input[str]


class Network(pulumi.ComponentResource):
    """Nodes have no public addresses; the default security group allows no traffic."""

    vpc: pulumi.Output[str]
    private: Mapping[str, pulumi.Output[str]]
    """Subnets by zone."""
    data: Sequence[pulumi.Output[str]]
    """Subnets of databases: the isolated ones, or the private ones if there are none."""
    route_tables: Sequence[pulumi.Output[str]]
    """Route tables of the private and isolated subnets."""

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:foundation:AwsNetwork", name, None, opts)
        self._args, self._settings = args, args.settings
        self._child = pulumi.ResourceOptions(parent=self)
        self._vpc = ec2.Vpc(
            name,
            cidr_block=args.settings.cidr,
            enable_dns_hostnames=True,
            enable_dns_support=True,
            tags={"Name": args.context.name},
            opts=self._child,
        )
        self.vpc = self._vpc.id
        ec2.DefaultSecurityGroup(name, vpc_id=self.vpc, ingress=[], egress=[], opts=self._child)
        self._flow_log(name)
        gateways = self._nat_gateways(self._public_subnets(name))
        private_tables = self._private_subnets(gateways)
        isolated_tables = self._isolated_subnets() if args.settings.isolated_subnets else []
        self.route_tables = [*private_tables, *isolated_tables]
        self.register_outputs({"vpc": self.vpc})

    def _public_subnets(self, name: str) -> Mapping[str, ec2.Subnet]:
        """Routed to the internet gateway; only for NAT gateways and load balancers."""
        gateway = ec2.InternetGateway(name, vpc_id=self.vpc, opts=self._child)
        table = ec2.RouteTable("public", vpc_id=self.vpc, tags=self._named("public"), opts=self._child)
        route = ec2.Route(
            "public",
            route_table_id=table.id,
            destination_cidr_block=_ANYWHERE,
            gateway_id=gateway.id,
            opts=self._child,
        )
        subnets = {}
        for zone in self._settings.zones:
            cidr = zone_addresses(self._settings.cidr, zone).public
            subnet = self._subnet(f"public-{zone}", zone, cidr, {"kubernetes.io/role/elb": "1"})
            self._associate(f"public-{zone}", subnet, table)
            subnets[zone] = subnet
        self._way_out = route
        return subnets

    def _nat_gateways(self, public: Mapping[str, ec2.Subnet]) -> Mapping[str, ec2.NatGateway]:
        """The NAT gateway of each zone."""
        zones = sorted(public)
        own = zones if self._settings.nat == "perZone" else zones[:1]
        gateways = {zone: self._nat_gateway(zone, public[zone]) for zone in own}
        return {zone: gateways.get(zone, gateways[own[0]]) for zone in zones}

    def _nat_gateway(self, zone: str, subnet: ec2.Subnet) -> ec2.NatGateway:
        address = ec2.Eip(f"nat-{zone}", domain="vpc", tags=self._named(f"nat-{zone}"), opts=self._child)
        return ec2.NatGateway(
            zone,
            allocation_id=address.id,
            subnet_id=subnet.id,
            tags=self._named(zone),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._way_out]),
        )

    def _private_subnets(self, gateways: Mapping[str, ec2.NatGateway]) -> list[pulumi.Output[str]]:
        """For nodes and pods."""
        private, tables = {}, []
        for zone in self._settings.zones:
            name = f"private-{zone}"
            cidr = zone_addresses(self._settings.cidr, zone).private
            subnet = self._subnet(name, zone, cidr, {"kubernetes.io/role/internal-elb": "1"})
            table = ec2.RouteTable(name, vpc_id=self.vpc, tags=self._named(name), opts=self._child)
            ec2.Route(
                name,
                route_table_id=table.id,
                destination_cidr_block=_ANYWHERE,
                nat_gateway_id=gateways[zone].id,
                opts=self._child,
            )
            self._associate(name, subnet, table)
            private[zone] = subnet.id
            tables.append(table.id)
        self.private = private
        self.data = list(private.values())
        return tables

    def _isolated_subnets(self) -> list[pulumi.Output[str]]:
        """Subnets without a route out of the VPC."""
        table = ec2.RouteTable("isolated", vpc_id=self.vpc, tags=self._named("isolated"), opts=self._child)
        subnets = []
        for zone in self._settings.zones:
            name = f"isolated-{zone}"
            subnet = self._subnet(name, zone, zone_addresses(self._settings.cidr, zone).isolated, {})
            self._associate(name, subnet, table)
            subnets.append(subnet.id)
        self.data = subnets
        return [table.id]

    def _subnet(self, name: str, zone: str, cidr: str, tags: Mapping[str, str]) -> ec2.Subnet:
        return ec2.Subnet(
            name,
            vpc_id=self.vpc,
            availability_zone=zone,
            cidr_block=cidr,
            map_public_ip_on_launch=False,
            tags={**self._named(name), **tags},
            opts=self._child,
        )

    def _associate(self, name: str, subnet: ec2.Subnet, table: ec2.RouteTable) -> None:
        ec2.RouteTableAssociation(name, subnet_id=subnet.id, route_table_id=table.id, opts=self._child)

    def _flow_log(self, name: str) -> None:
        """VPC flow logs."""
        args, context = self._args, self._args.context
        group_name = f"/{context.name}/flow"
        group = cloudwatch.LogGroup(
            "flow",
            name=group_name,
            retention_in_days=args.log_days,
            kms_key_id=args.log_key,
            opts=self._child,
        )
        writes = allow(
            ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
            [context.arn("logs", f"log-group:{group_name}:*")],
        )
        finds = allow(["logs:DescribeLogGroups"], [context.arn("logs", "log-group:*")])
        trust = service_trust(context, "vpc-flow-logs.amazonaws.com", context.arn("ec2", "vpc-flow-log/*"))
        role = ServiceRole("flow", ServiceRoleArgs(context, trust, own={"logs": document(writes, finds)}), self._child)
        ec2.FlowLog(
            name,
            vpc_id=self.vpc,
            traffic_type="ALL",
            max_aggregation_interval=_FLOW_SECONDS,
            log_destination=group.arn,
            iam_role_arn=role.arn,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[role]),
        )

    def _named(self, name: str) -> dict[str, str]:
        return {"Name": f"{self._args.context.name}-{name}"}

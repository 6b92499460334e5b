"""VPC endpoints: AWS services reached without the internet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import ec2

from infra.catalogue.names import PROJECT
from infra.foundation.aws.context import AwsContext
from infra.foundation.aws.keys import ALERTS, METRICS
from infra.foundation.aws.network import Network

_INTERFACES = ("ec2", "ecr.api", "ecr.dkr", "eks", "eks-auth", "secretsmanager", "sts")
"""What nodes and the platform's pods call."""
_MORE_INTERFACES = {METRICS: "aps-workspaces", ALERTS: "sns"}
"""Services that only some stacks use, by purpose."""


@dataclass(frozen=True)
class EndpointsArgs:
    """`more`: purposes that only some stacks have, as with keys."""

    network: Network
    context: AwsContext
    cidr: str
    interfaces: bool
    more: Sequence[str] = ()


class Endpoints(pulumi.ComponentResource):
    """A gateway endpoint for S3, which stores image layers, is free. An interface endpoint in three zones costs as much
    as some 600 GB a month through NAT gateways, more than any of these services ever carries here."""

    def __init__(self, name: str, args: EndpointsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:foundation:AwsEndpoints", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        network, service = args.network, f"com.amazonaws.{args.context.region}"
        ec2.VpcEndpoint(
            "s3",
            vpc_id=network.vpc,
            service_name=f"{service}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=list(network.route_tables),
            opts=child,
        )
        if args.interfaces:
            self._interfaces(name, args)
        self.register_outputs({})

    def _interfaces(self, name: str, args: EndpointsArgs) -> None:
        child, network = pulumi.ResourceOptions(parent=self), args.network
        group = ec2.SecurityGroup(
            name,
            name=f"{args.context.name}-endpoints",
            description="HTTPS from inside the network to AWS services",
            vpc_id=network.vpc,
            ingress=[ec2.SecurityGroupIngressArgs(protocol="tcp", from_port=443, to_port=443, cidr_blocks=[args.cidr])],
            opts=child,
        )
        for interface in (*_INTERFACES, *(_MORE_INTERFACES[purpose] for purpose in args.more)):
            ec2.VpcEndpoint(
                interface,
                vpc_id=network.vpc,
                service_name=f"com.amazonaws.{args.context.region}.{interface}",
                vpc_endpoint_type="Interface",
                subnet_ids=list(network.private.values()),
                security_group_ids=[group.id],
                private_dns_enabled=True,
                opts=child,
            )

"""How pods reach datasets in S3: an endpoint whose addresses a network policy can name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import ec2
from pulumi_aws.ec2.outputs import VpcEndpointDnsEntry

from infra.catalogue.aws.names import DATASETS
from infra.catalogue.names import PROJECT
from infra.declaration.aws.addresses import zone_addresses
from infra.declaration.aws.settings import Network as NetworkSettings
from infra.foundation.aws.context import AwsContext
from infra.foundation.aws.iam import document, grant
from infra.foundation.aws.network import Network
from infra.foundation.aws.pod_network import IDENTITY
from infra.foundation.contract import AllowedEgress, ObjectStore

_HTTPS = 443


@dataclass(frozen=True)
class DatasetEndpointArgs:
    settings: NetworkSettings
    network: Network
    context: AwsContext


class DatasetEndpoint(pulumi.ComponentResource):
    """An interface endpoint for S3 in the isolated subnets, where nothing else listens on its port.

    It has no private DNS: nodes and the tracking server stay on the gateway endpoint, which costs nothing. Pods get its
    URL, and its policy allows reading the bucket for datasets only, so that no data leaves through it.
    """

    outputs: ObjectStore
    endpoint: pulumi.Output[str]
    """Its id."""

    def __init__(self, name: str, args: DatasetEndpointArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:foundation:AwsDatasetEndpoint", name, None, opts)
        context, settings = args.context, args.settings
        child = pulumi.ResourceOptions(parent=self)
        group = ec2.SecurityGroup(
            name,
            name=f"{context.name}-datasets",
            description="HTTPS from inside the network to the datasets in S3",
            vpc_id=args.network.vpc,
            ingress=[
                ec2.SecurityGroupIngressArgs(
                    protocol="tcp", from_port=_HTTPS, to_port=_HTTPS, cidr_blocks=[settings.cidr]
                )
            ],
            opts=child,
        )
        endpoint = ec2.VpcEndpoint(
            name,
            vpc_id=args.network.vpc,
            service_name=f"com.amazonaws.{context.region}.s3",
            vpc_endpoint_type="Interface",
            subnet_ids=list(args.network.data),
            security_group_ids=[group.id],
            private_dns_enabled=False,
            policy=endpoint_policy(context),
            opts=child,
        )
        url = endpoint.dns_entries.apply(endpoint_url)
        self.outputs = ObjectStore(
            f"s3://{context.bucket_name(DATASETS)}",
            {"AWS_ENDPOINT_URL_S3": url, "AWS_REGION": context.region, "AWS_DEFAULT_REGION": context.region},
            [IDENTITY, *endpoint_egress(settings)],
        )
        self.endpoint = endpoint.id
        self.register_outputs({"url": url})


def endpoint_egress(settings: NetworkSettings) -> list[AllowedEgress]:
    """The isolated subnets. They are known at preview, unlike the endpoint's addresses."""
    subnets = [zone_addresses(settings.cidr, zone).isolated for zone in settings.zones]
    return [AllowedEgress("objects", [("TCP", _HTTPS)], cidr=subnet) for subnet in subnets]


def endpoint_policy(context: AwsContext) -> str:
    """Reading the datasets, with an identity of this account; what an identity may read, its own policy says."""
    bucket = context.bucket_arn(DATASETS)
    own = {"StringEquals": {"aws:PrincipalAccount": context.account}}
    return document(grant({"AWS": "*"}, ["s3:GetObject", "s3:ListBucket"], [bucket, f"{bucket}/*"], own))


def endpoint_url(entries: Sequence[VpcEndpointDnsEntry]) -> str:
    """By the endpoint's name in all zones, such as `*.vpce-1-2.s3.eu-central-1.vpce.amazonaws.com`, which is first."""
    return f"https://bucket{entries[0]['dns_name'].removeprefix('*')}"

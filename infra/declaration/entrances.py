"""Where callers reach the gateway on each foundation, with the rules for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from infra.catalogue.networks import is_anybody
from infra.declaration.aws.types import CertificateArn
from infra.declaration.egress import network
from infra.declaration.problems import Problem
from infra.declaration.types import Settings

if TYPE_CHECKING:
    from infra.declaration.model import Platform

_FIRST, _ADDRESSES = 32, 192


def _cidr(value: str) -> str:
    """The API server and load balancers take IPv4 networks, here of up to a sixteenth of all addresses."""
    if network(value) is None or "/" not in value:
        raise ValueError(f"{value!r} is not a CIDR; write the first address of the network, such as 203.0.113.0/24")
    if is_anybody([value]):
        raise ValueError(f"{value!r} is a large part of the internet; write the networks of its callers")
    return value


SourceCidr = Annotated[str, AfterValidator(_cidr), WithJsonSchema({"type": "string", "examples": ["203.0.113.0/24"]})]
Port = Annotated[int, Field(ge=1, le=65535)]


class LocalEntrance(Settings):
    """Loopback ports of this machine."""

    https_port: Port = Field(default=8443, description="Loopback port of the gateway")
    http_port: Port = Field(default=8080, description="Loopback port whose requests are redirected to `httpsPort`")

    @property
    def service_address(self) -> str:
        """Of the gateway's Service, to which the ports are forwarded: another one for each stack on the machine. It is
        in the part of Kubernetes' Service network that is for addresses which somebody chooses.
        """
        return f"10.96.0.{_FIRST + self.https_port % _ADDRESSES}"


class AwsEntrance(Settings):
    """A Network Load Balancer, which EKS creates. It terminates TLS, and encrypts again towards the gateway."""

    certificate: CertificateArn = Field(description="ARN of the certificate in ACM that callers see")
    scheme: Literal["internal", "internet-facing"] = Field(
        default="internal", description="Whether it has addresses of the VPC, or of the internet"
    )
    source_cidrs: Annotated[tuple[SourceCidr, ...], Field(strict=False)] = Field(
        default=(), description="Networks that may connect; none: those of the VPC and its peers"
    )


class ClusterEntrance(Settings):
    """A Service of type LoadBalancer."""

    annotations: dict[str, str] = Field(
        default={}, description="Annotations of the Service, which the cluster's load balancers understand"
    )
    source_cidrs: Annotated[tuple[SourceCidr, ...], Field(strict=False, min_length=1)] = Field(
        description="Networks that may connect"
    )


def the_gateway_is_of_this_foundation(platform: Platform, root: Path) -> Iterator[Problem]:
    """Each foundation has a way in of its own, and an existing GatewayClass another one."""
    if platform.gateway is None or platform.gateway.gateway_class_name is not None:
        return
    for name in ("local", "aws", "cluster"):
        here = getattr(platform.foundation, name) is not None
        declared = getattr(platform.gateway, name) is not None
        if declared and not here:
            yield Problem(f"gateway.{name}", f"foundation.{name} is not declared; remove it")
        elif here and not declared and name != "local":
            what = "certificate: <ARN in ACM>" if name == "aws" else "sourceCidrs: [<networks of its callers>]"
            yield Problem("gateway", f"nothing says how callers reach it; write {name}: {{{what}}}")


def the_certificate_is_where_the_load_balancer_is(platform: Platform, root: Path) -> Iterator[Problem]:
    """ACM's certificates are of one account and region."""
    gateway, aws = platform.gateway.aws if platform.gateway else None, platform.foundation.aws
    if gateway is None or aws is None:
        return
    region, account = gateway.certificate.split(":")[3:5]
    if (region, account) != (aws.region, aws.account):
        message = (
            f"it is in account {account}, region {region}; the load balancer takes one of {aws.account}, {aws.region}"
        )
        yield Problem("gateway.aws.certificate", f"{message}: write its ARN")


def load_balancers_let_somebody_in(platform: Platform, root: Path) -> Iterator[Problem]:
    """The networks that may connect are by default those of the VPC, which reach no public load balancer by them."""
    aws = platform.gateway.aws if platform.gateway else None
    if aws is not None and aws.scheme == "internet-facing" and not aws.source_cidrs:
        message = "nobody could connect from the internet; write sourceCidrs: [<networks of its callers>]"
        yield Problem("gateway.aws.scheme", message)


def ports_of_the_machine_differ(platform: Platform, root: Path) -> Iterator[Problem]:
    """Two programs can't listen on one port."""
    local = platform.foundation.local
    if platform.gateway is None or local is None:
        return
    taken = dict.fromkeys(
        (local.registry_port, local.registry_metrics_port, local.object_store_port), "foundation.local.registryPort"
    )
    entrance = platform.gateway.on_this_machine
    for name, port in (("httpsPort", entrance.https_port), ("httpPort", entrance.http_port)):
        if port in taken:
            yield Problem(f"gateway.local.{name}", f"port {port} is taken by {taken[port]}; write another one")
        taken[port] = f"gateway.local.{name}"


ENTRANCE_RULES = (
    the_gateway_is_of_this_foundation,
    the_certificate_is_where_the_load_balancer_is,
    load_balancers_let_somebody_in,
    ports_of_the_machine_differ,
)

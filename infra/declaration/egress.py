"""Egress: hosts outside the cluster that a workload's pods may reach, with the rules for them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

from infra.catalogue.networks import is_anybody, is_internal
from infra.declaration.problems import Problem
from infra.declaration.types import Settings

if TYPE_CHECKING:
    from infra.declaration.model import Platform

_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"({_LABEL}\.)+[a-z]([-a-z0-9]{{0,61}}[a-z0-9])?", re.ASCII)
_LONGEST_NAME = 253
_NEVER = {
    "0.0.0.0/8": "addresses of the pod itself",
    "127.0.0.0/8": "loopback addresses",
    "169.254.0.0/16": "link-local addresses, such as those of metadata services",
    "224.0.0.0/4": "multicast addresses",
    "240.0.0.0/4": "reserved addresses",
}
"""Networks that no egress may reach, on any foundation."""


def network(host: str) -> ipaddress.IPv4Network | None:
    """An address or a CIDR as a network; None for a DNS name."""
    try:
        return ipaddress.IPv4Network(host)
    except ValueError:
        return None


def overlapping(host: str, networks: Mapping[str, str]) -> str | None:
    """The network, and what it is, with which an address or a CIDR has an address in common."""
    addresses = network(host)
    for cidr, what in networks.items() if addresses else ():
        if addresses and addresses.overlaps(ipaddress.IPv4Network(cidr)):
            return f"{cidr} ({what})"
    return None


def _host(value: str) -> str:
    host = value.lower()
    if "://" in host or re.fullmatch(r"[^:]+:\d*", host):
        raise ValueError(f"{value!r} is not a host; write it without a scheme and a port, such as api.example.com")
    if ":" in host:
        raise ValueError(f"{value!r} is an IPv6 address, which pods can't reach; write an IPv4 address or a DNS name")
    if network(host) is not None:
        return _address(host)
    _require_name(value, host)
    return host


def _address(host: str) -> str:
    if is_anybody([host]):
        raise ValueError(f"{host!r} is a large part of the internet; write the address of one host, or its network")
    never = overlapping(host, _NEVER)
    if never:
        raise ValueError(f"{host!r} overlaps {never}; write the address of a host outside the cluster")
    return host


def _require_name(value: str, host: str) -> None:
    example = "write a DNS name such as api.example.com, an IPv4 address, or a CIDR such as 203.0.113.0/28"
    if "/" in host and not re.search(r"[a-z]", host):
        raise ValueError(f"{value!r} is not a CIDR; write the first address of the network, such as 203.0.113.0/28")
    if "*" in host:
        raise ValueError(f"{value!r} is a pattern; write each host by its own name")
    if is_internal(host):
        raise ValueError(f"{value!r} is a name inside the cluster or of a node; write that of a host outside")
    if not _NAME.fullmatch(host) or len(host) > _LONGEST_NAME:
        raise ValueError(f"{value!r} is not a host; {example}")


Host = Annotated[
    str,
    AfterValidator(_host),
    WithJsonSchema({"type": "string", "examples": ["api.example.com", "203.0.113.7", "203.0.113.0/28"]}),
]


def _addresses(value: str) -> str:
    if network(value) is None:
        raise ValueError(f"{value!r} is not an IPv4 address or a CIDR; write one such as 10.0.0.2 or 10.0.0.0/28")
    return str(network(_address(value)))


Addresses = Annotated[
    str,
    AfterValidator(_addresses),
    WithJsonSchema({"type": "string", "examples": ["10.0.0.2", "10.0.0.0/28"]}),
]
"""An IPv4 address or a CIDR outside the cluster."""


class Egress(Settings):
    """A host outside the cluster that the workload's pods may reach by TCP. Everything else stays closed."""

    host: Host = Field(
        description="IPv4 address, CIDR or DNS name; a name is refused where network policies know addresses only"
    )
    port: int = Field(ge=1, le=65535, description="TCP port")

    @property
    def cidr(self) -> str | None:
        """None for a DNS name."""
        addresses = network(self.host)
        return str(addresses) if addresses else None


def declared_egress(platform: Platform, team: str | None = None) -> Iterator[tuple[str, Egress]]:
    """Each with its path, of one team or of all."""
    for kind, name, workload in platform.workloads():
        if team not in (None, workload.team):
            continue
        for position, egress in enumerate(workload.egress):
            yield f"{kind.section}.{name}.egress.{position}", egress


def egress_is_declared_once(platform: Platform, root: Path) -> Iterator[Problem]:
    """A second entry would do nothing."""
    for kind, name, workload in platform.workloads():
        for position, egress in enumerate(workload.egress):
            if egress in workload.egress[:position]:
                path = f"{kind.section}.{name}.egress.{position}"
                yield Problem(path, f"{egress.host}:{egress.port} is listed twice; write it once")


def egress_leaves_the_cluster(platform: Platform, root: Path) -> Iterator[Problem]:
    """Pods, Services and nodes are reached by the platform's own policies or not at all."""
    internal = platform.foundation.internal_networks
    for path, egress in declared_egress(platform):
        if not internal:
            message = "which networks are the cluster's own is not declared, and egress must not reach them"
            fix = "write the CIDRs of its pods, Services and nodes in foundation.cluster.internalCidrs"
            yield Problem(path, f"{message}; {fix}")
        inside = overlapping(egress.host, internal)
        if inside:
            message = f"{egress.host} overlaps {inside}; write the address of a host outside the cluster"
            yield Problem(f"{path}.host", message)
        namespace = egress.host.rpartition(".")[2]
        if namespace in {"default", "kube-system", platform.namespace, *platform.teams}:
            message = (
                f"'{egress.host}' is a Service's name in the namespace '{namespace}'; write a host outside the cluster"
            )
            yield Problem(f"{path}.host", message)


def egress_is_no_large_part_of_the_internet(platform: Platform, root: Path) -> Iterator[Problem]:
    """Nor is that of all workloads of a team, which reach each other."""
    for team in platform.teams:
        declared = [(path, each.cidr) for path, each in declared_egress(platform, team) if each.cidr]
        if declared and is_anybody(cidr for _, cidr in declared):
            message = f"team '{team}' declares a large part of the internet in all; write the networks of single hosts"
            yield Problem(f"{declared[-1][0]}.host", message)


EGRESS_RULES = (egress_is_declared_once, egress_leaves_the_cluster, egress_is_no_large_part_of_the_internet)

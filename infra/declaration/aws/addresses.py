"""Subnet arithmetic: the CIDRs of each zone's subnets in the VPC.

They depend on the zone's letter only, so adding a zone never changes another zone's subnets. Six zones fit, the
maximum of any region: private subnets take three quarters of the VPC, public and isolated subnets the last quarter.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network

LARGEST, SMALLEST = 16, 20
"""Prefix lengths of a VPC: AWS allows no larger network, and pods need the addresses of a smaller one."""

_ZONES = "abcdef"
_EIGHTH, _SHARED_QUARTER = 3, 3


@dataclass(frozen=True)
class ZoneAddresses:
    """The subnets of one zone: private for nodes and pods, public for NAT gateways, isolated for the database."""

    private: str
    public: str
    isolated: str


def zone_addresses(network: str, zone: str) -> ZoneAddresses:
    """The subnets of `zone` in `network`."""
    slot = _ZONES.index(zone[-1])
    whole = IPv4Network(network)
    shared = list(whole.subnets(prefixlen_diff=2))[_SHARED_QUARTER]
    *public, seventh, eighth = shared.subnets(prefixlen_diff=_EIGHTH)
    isolated = [*seventh.subnets(prefixlen_diff=2), *eighth.subnets(prefixlen_diff=2)]
    return ZoneAddresses(
        private=str(list(whole.subnets(prefixlen_diff=_EIGHTH))[slot]),
        public=str(public[slot]),
        isolated=str(isolated[slot]),
    )


def overlap(one: str, other: str) -> bool:
    """Whether two networks have an address in common."""
    return IPv4Network(one).overlaps(IPv4Network(other))


def prefix_length(network: str) -> int:
    """The prefix length of a CIDR."""
    return IPv4Network(network).prefixlen


def is_private(network: str) -> bool:
    """Whether a network is in the private ranges, including carrier-grade NAT."""
    return _inside(network, (*_PRIVATE, _CARRIER_GRADE_NAT))


def fits_services(network: str) -> bool:
    """Whether EKS supports it for Services: /12 to /24, and not in the range of carrier-grade NAT."""
    return _inside(network, _PRIVATE) and _LARGEST_SERVICES <= prefix_length(network) <= _SMALLEST_SERVICES


def _inside(network: str, others: Iterable[str]) -> bool:
    return any(IPv4Network(network).subnet_of(IPv4Network(other)) for other in others)


_PRIVATE, _CARRIER_GRADE_NAT = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"), "100.64.0.0/10"
_LARGEST_SERVICES, _SMALLEST_SERVICES = 12, 24

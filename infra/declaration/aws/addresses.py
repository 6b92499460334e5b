"""The arithmetic of one network: which addresses which subnet gets.

A zone's part follows from its letter alone, so that a zone that is declared later, or between two others, moves
nothing. Six zones fit, as many as any region has: six eighths of the network are private, one quarter is shared by
the public and the isolated subnets.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network

LARGEST, SMALLEST = 16, 20
"""Prefix lengths of a network that can be divided: AWS takes no larger one, and a zone's pods need the addresses."""

_ZONES = "abcdef"
_EIGHTH, _SHARED_QUARTER = 3, 3


@dataclass(frozen=True)
class ZoneAddresses:
    """The subnets of one zone: private for nodes and pods, public for gateways, isolated for data."""

    private: str
    public: str
    isolated: str


def zone_addresses(network: str, zone: str) -> ZoneAddresses:
    """The part of `network` that belongs to `zone`."""
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
    """Whether two networks share an address."""
    return IPv4Network(one).overlaps(IPv4Network(other))


def prefix_length(network: str) -> int:
    """The number behind the slash."""
    return IPv4Network(network).prefixlen


def is_private(network: str) -> bool:
    """Whether it is one of those that nobody else has on the internet."""
    return _inside(network, (*_PRIVATE, _CARRIERS))


def fits_services(network: str) -> bool:
    """Whether EKS takes it for Kubernetes' Services: it wants /12 to /24, and none of the carriers' network."""
    return _inside(network, _PRIVATE) and _LARGEST_SERVICES <= prefix_length(network) <= _SMALLEST_SERVICES


def _inside(network: str, others: Iterable[str]) -> bool:
    return any(IPv4Network(network).subnet_of(IPv4Network(other)) for other in others)


_PRIVATE, _CARRIERS = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"), "100.64.0.0/10"
_LARGEST_SERVICES, _SMALLEST_SERVICES = 12, 24

"""Which networks are too many for an access list, and which DNS names lead inside instead of to the internet."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

_SHARE = 16
"""No organisation has so large a part of all addresses: a /4."""

_INTERNAL_NAMES = ("svc", "local", "localhost", "internal")
"""Names of Services, pods, nodes and metadata services, each with all names below it."""
_IN_A_VPC = re.compile(r".*\.(rds|eks|vpce)\.amazonaws\.com(\.cn)?")
"""Names of AWS with addresses of the customer's own networks."""


def is_internal(host: str) -> bool:
    """Whether a DNS name in lower case is of a cluster, a node or a private network."""
    below = any(host == name or host.endswith(f".{name}") for name in _INTERNAL_NAMES)
    return below or _IN_A_VPC.fullmatch(host) is not None


def is_anybody(networks: Iterable[object]) -> bool:
    """Whether the networks have, together, a sixteenth of the public addresses of IPv4 or IPv6, or more."""
    parsed = [network for each in networks if (network := _public(each)) is not None]
    four = collapse_addresses(network for network in parsed if isinstance(network, IPv4Network))
    six = collapse_addresses(network for network in parsed if isinstance(network, IPv6Network))
    return any(
        sum(network.num_addresses for network in family) >= 2**bits // _SHARE
        for family, bits in ((four, 32), (six, 128))
    )


def _public(text: object) -> IPv4Network | IPv6Network | None:
    """None for a private network, and for what is no network."""
    try:
        network = ip_network(str(text), strict=False)
    except ValueError:
        return None
    return None if network.is_private else network

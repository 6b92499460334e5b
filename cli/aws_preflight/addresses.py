"""Checks that the networks which may reach the cluster's API are real, and that this machine is in one of them."""

from collections.abc import Iterator
from ipaddress import AddressValueError, IPv4Address, IPv4Network

import requests

from cli.aws_preflight.account import caller_role
from cli.aws_preflight.wanted import AWS, Client, Wanted
from cli.finding import Finding

PUBLIC_ADDRESS = "https://checkip.amazonaws.com"
"""It answers with the address that a request comes from."""

_SECONDS = 5
_DOCUMENTATION = [IPv4Network(network) for network in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]
_SETTING = f"{AWS}.cluster.publicCidrs"


def public_networks_are_real(client: Client, wanted: Wanted) -> Iterator[Finding]:
    """Nothing can come over the internet from an address that is reserved."""
    for position, cidr in enumerate(wanted.aws.cluster.public_cidrs):
        network = IPv4Network(cidr)
        if any(network.subnet_of(example) for example in _DOCUMENTATION):
            reason = "is reserved for examples in documentation"
        elif not network.is_global:
            reason = "is not a network of the internet"
        else:
            continue
        fix = "write the networks of your team and of its runners, or none for a private endpoint"
        yield Finding(f"{_SETTING}.{position}", f"{cidr} {reason}: no machine connects from there", fix)


def caller_may_reach_the_api(client: Client, wanted: Wanted) -> Iterator[Finding]:
    """From outside of these networks, `up` fails at the first object in the cluster; not from inside the VPC."""
    networks = [IPv4Network(cidr) for cidr in wanted.aws.cluster.public_cidrs]
    if not any(network.is_global for network in networks):
        return
    if caller_role(client) == wanted.pipeline_roles.get("preview", ""):
        return  # it never connects to the cluster
    try:
        address = public_address()
    except (requests.RequestException, AddressValueError) as error:
        reason = "it answers with something else" if isinstance(error, AddressValueError) else type(error).__name__
        problem = f"could not ask {PUBLIC_ADDRESS} whether this machine's address is in them ({reason})"
        yield Finding(_SETTING, problem, "check it yourself", blocking=False)
        return
    if not any(address in network for network in networks):
        problem = f"this machine's public address {address} is in none of them"
        fix = f"add {address}/32, or deploy from an address in them or inside the VPC"
        yield Finding(_SETTING, problem, fix, blocking=False)


def public_address() -> IPv4Address:
    """The address that this machine, or its proxy, has on the internet."""
    answer = requests.get(PUBLIC_ADDRESS, timeout=_SECONDS)
    answer.raise_for_status()
    return IPv4Address(answer.content.decode(errors="replace").strip())

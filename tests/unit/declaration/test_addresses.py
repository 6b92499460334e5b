"""The arithmetic of subnets."""

from __future__ import annotations

from ipaddress import IPv4Network
from itertools import combinations

import pytest

from infra.declaration.aws.addresses import is_private, overlap, zone_addresses

ZONES = [f"us-east-1{letter}" for letter in "abcdef"]


def test_a_zone_has_its_place_by_its_letter() -> None:
    addresses = zone_addresses("10.20.0.0/16", "eu-central-1b")
    assert (addresses.private, addresses.public, addresses.isolated) == (
        "10.20.32.0/19",
        "10.20.200.0/21",
        "10.20.242.0/23",
    )


@pytest.mark.parametrize("network", ["10.20.0.0/16", "10.1.0.0/18", "192.168.16.0/20"])
def test_no_two_subnets_overlap_and_all_are_inside(network: str) -> None:
    zones = [zone_addresses(network, zone) for zone in ZONES]
    subnets = [IPv4Network(part) for zone in zones for part in (zone.private, zone.public, zone.isolated)]
    assert all(subnet.subnet_of(IPv4Network(network)) for subnet in subnets)
    assert not any(one.overlaps(other) for one, other in combinations(subnets, 2))


def test_the_smallest_network_has_room_for_nodes_and_gateways() -> None:
    addresses = zone_addresses("10.0.0.0/20", "us-east-1f")
    assert IPv4Network(addresses.private).num_addresses == 512
    assert IPv4Network(addresses.public).num_addresses == 128
    assert IPv4Network(addresses.isolated).num_addresses == 32


def test_overlaps_and_private_networks() -> None:
    assert overlap("10.0.0.0/16", "10.0.255.0/24")
    assert not overlap("10.0.0.0/16", "10.1.0.0/16")
    assert is_private("172.31.0.0/16")
    assert not is_private("172.32.0.0/16")

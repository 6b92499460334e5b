"""Checks that the pools' instance types, reservations and placement groups are available in their zones."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from cli.aws_preflight.wanted import AWS, POOLS, Client, Wanted
from cli.finding import Finding
from infra.declaration.aws.pools import ec2_settings
from infra.declaration.pools import NodePool

_RESERVED = {"reserved": "default", "capacityBlock": "capacity-block"}
"""The reservation type of each kind of capacity, as in EC2's API."""
_LATER = {"pending", "scheduled", "payment-pending", "assessing", "delayed"}
"""States of a reservation that may become active."""


def zones_offer_the_types(client: Client, wanted: Wanted) -> Iterator[Finding]:
    """Each of a pool's types should be offered in each of its zones."""
    offered = _offers(client, wanted)
    for name, pool in wanted.pools.items():
        for instance_type in ec2_settings(pool).instance_types:
            yield from _offered(name, instance_type, wanted.zones(pool), offered[instance_type])
    for instance_type in wanted.aws.system_pool.instance_types:
        zones = wanted.aws.network.zones
        if not offered[instance_type] & set(zones):
            problem = _nowhere(instance_type, zones, offered[instance_type])
            yield Finding(f"{AWS}.systemPool.instanceTypes", problem, "declare another type")


def _offered(pool: str, instance_type: str, zones: tuple[str, ...], offered: set[str]) -> Iterator[Finding]:
    missing = [zone for zone in zones if zone not in offered]
    if len(missing) == len(zones):
        yield Finding(
            f"{POOLS}.{pool}.aws.instanceTypes",
            _nowhere(instance_type, zones, offered),
            f"declare another type, or set {POOLS}.{pool}.aws.zones to zones that offer it",
        )
    elif missing:
        rest = ", ".join(zone for zone in zones if zone in offered)
        yield Finding(
            f"{POOLS}.{pool}.aws.zones",
            f"'{instance_type}' is not offered in {', '.join(missing)}",
            f"such nodes are created in {rest} only; write zones: [{rest}]",
            blocking=False,
        )


def _nowhere(instance_type: str, zones: tuple[str, ...], offered: set[str]) -> str:
    elsewhere = f"; only {', '.join(sorted(offered))}" if offered else ""
    return f"none of {', '.join(zones)} offers '{instance_type}'{elsewhere}"


def _offers(client: Client, wanted: Wanted) -> dict[str, set[str]]:
    """The zones of each declared type."""
    offers: dict[str, set[str]] = defaultdict(set)
    types = sorted({one for machines in wanted.machines.values() for one in machines.types})
    pages = client("ec2").get_paginator("describe_instance_type_offerings")
    filters = [{"Name": "instance-type", "Values": types}]
    for page in pages.paginate(LocationType="availability-zone", Filters=filters):
        for offer in page["InstanceTypeOfferings"]:
            offers[offer["InstanceType"]].add(offer["Location"])
    return offers


def placement_groups_exist(client: Client, wanted: Wanted) -> Iterator[Finding]:
    """Without the group, EKS starts no nodes; in another kind of group, nodes are kept apart."""
    for name, pool in wanted.pools.items():
        group = ec2_settings(pool).placement_group
        if group is None:
            continue
        filters = [{"Name": "group-name", "Values": [group]}]
        found = client("ec2").describe_placement_groups(Filters=filters)["PlacementGroups"]
        strategies = {each["Strategy"] for each in found if each["State"] == "available"}
        if strategies != {"cluster"}:
            is_ = f"has the strategy {', '.join(sorted(strategies))}" if strategies else "does not exist"
            create = f"aws ec2 create-placement-group --strategy cluster --group-name {group}"
            fix = f"write another name, or run `{create}`"
            yield Finding(f"{POOLS}.{name}.aws.placementGroup", f"'{group}' {is_}", fix)


def reservations_are_active(client: Client, wanted: Wanted) -> Iterator[Finding]:
    """Declared reservations are active and fit the pool's types, zones and size."""
    for name, pool in wanted.pools.items():
        reservation = ec2_settings(pool).reservation
        if reservation:
            setting = f"{POOLS}.{name}.aws.reservation"
            found = _reservation(client, reservation)
            if found is None:
                yield Finding(
                    setting,
                    f"'{reservation}' does not exist in {wanted.aws.region} of this account",
                    "write the id that the EC2 console shows under Capacity Reservations",
                )
            else:
                yield from _usable(setting, name, pool, wanted.zones(pool), found)


def _reservation(client: Client, identifier: str) -> Mapping[str, Any] | None:
    try:
        answer = client("ec2").describe_capacity_reservations(CapacityReservationIds=[identifier])
    except ClientError as error:
        if "CapacityReservationId" in error.response["Error"]["Code"]:
            return None
        raise
    return next(iter(answer["CapacityReservations"]), None)


def _usable(
    setting: str, name: str, pool: NodePool, zones: tuple[str, ...], found: Mapping[str, Any]
) -> Iterator[Finding]:
    settings = ec2_settings(pool)
    identifier, kind = settings.reservation, found.get("ReservationType", "default")
    if found["State"] != "active":
        yield _inactive(setting, str(identifier), found)
    if kind not in [_RESERVED.get(capacity) for capacity in settings.capacity]:
        wanted_kind = next(capacity for capacity, type_ in _RESERVED.items() if type_ == kind)
        yield Finding(
            f"{POOLS}.{name}.aws.capacity", f"'{identifier}' is a {kind} one", f"write capacity: [{wanted_kind}]"
        )
    if found["InstanceType"] not in settings.instance_types:
        type_ = found["InstanceType"]
        path = f"{POOLS}.{name}.aws.instanceTypes"
        yield Finding(path, f"'{identifier}' is for '{type_}'", f"write instanceTypes: [{type_}]")
    if found["AvailabilityZone"] not in zones:
        zone = found["AvailabilityZone"]
        yield Finding(f"{POOLS}.{name}.aws.zones", f"'{identifier}' is in {zone}", f"write zones: [{zone}]")
    yield from _placed(f"{POOLS}.{name}.aws.placementGroup", str(identifier), settings.placement_group, found)
    if found["TotalInstanceCount"] < pool.max and set(settings.capacity) <= _RESERVED.keys():
        count = found["TotalInstanceCount"]
        yield Finding(
            f"{POOLS}.{name}.max", f"{pool.max} is more than '{identifier}' holds ({count})", f"write max: {count}"
        )


def _placed(setting: str, identifier: str, declared: str | None, found: Mapping[str, Any]) -> Iterator[Finding]:
    """Capacity that is reserved in a group is of use in that group only; instances of other capacity may be too far
    apart for a group, which EC2 answers with a lack of capacity."""
    group = found.get("PlacementGroupArn", "").rpartition("/")[2]
    if group and group != declared:
        yield Finding(setting, f"'{identifier}' is in the placement group '{group}'", f"write placementGroup: {group}")
    elif declared and not group:
        problem = f"'{identifier}' was not made in '{declared}': EC2 may refuse to start its instances in that group"
        block = found.get("ReservationType") == _RESERVED["capacityBlock"]
        fix = f"remove placementGroup{'' if block else f', or reserve again in {declared!r}'}"
        yield Finding(setting, problem, fix, blocking=False)


def _inactive(setting: str, identifier: str, found: Mapping[str, Any]) -> Finding:
    state, begins = found["State"], found.get("StartDate")
    if state not in _LATER:
        return Finding(setting, f"'{identifier}' is {state}", "reserve again and write the new id")
    scheduled = state == "scheduled" and isinstance(begins, datetime)
    problem = f"'{identifier}' {f'begins {begins:%Y-%m-%d %H:%M} UTC' if scheduled else f'is {state}'}"
    return Finding(setting, problem, "the pool has no nodes until it is active", blocking=False)

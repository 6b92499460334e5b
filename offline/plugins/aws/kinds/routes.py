"""Route tables, their routes and their subnets."""

from __future__ import annotations

import zlib

from offline.plugins.aws.kind import Change, Kind, Lookup, Step, Text
from offline.plugins.aws.tagging import EC2
from offline.plugins.marshal import Bag

_DESTINATIONS = ("destinationCidrBlock", "destinationIpv6CidrBlock", "destinationPrefixListId")
_TARGETS = (
    "carrierGatewayId coreNetworkArn egressOnlyGatewayId gatewayId localGatewayId natGatewayId networkInterfaceId "
    "transitGatewayId vpcEndpointId vpcPeeringConnectionId"
)


def _destination(inputs: Bag) -> str:
    return str(next(inputs[name] for name in _DESTINATIONS if inputs.get(name)))


def _destinations(table: Bag) -> set[str]:
    members = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")
    return {str(route[name]) for route in table.get("Routes", []) for name in members if route.get(name)}


def _route_id(inputs: Bag) -> str:
    """As in the official plugin: the table, and a checksum of the destination."""
    return f"r-{inputs['routeTableId']}{zlib.crc32(_destination(inputs).encode())}"


def _named_destination(change: Change) -> list[Bag]:
    name = next(name for name in _DESTINATIONS if change.old.get(name))
    return [{f"{name[0].upper()}{name[1:]}": change.old[name]}]


TABLE = Kind(
    "aws:ec2/routeTable:RouteTable",
    "ec2",
    Step("CreateRouteTable"),
    "RouteTable.RouteTableId",
    Lookup("DescribeRouteTables", {"RouteTableIds": ["{id}"]}, "RouteTables[0]"),
    delete=(Step("DeleteRouteTable", arguments={"RouteTableId": "{id}"}),),
    replaces=frozenset({"vpcId"}),
    outputs={
        "arn": Text("arn:{partition}:ec2:{region}:{account}:route-table/{id}"),
        "ownerId": Text("{account}"),
    },
    tagging=EC2,
)

ROUTE = Kind(
    "aws:ec2/route:Route",
    "ec2",
    Step("CreateRoute"),
    _route_id,
    Lookup("DescribeRouteTables", {"RouteTableIds": ["{routeTableId}"]}, "RouteTables[0]"),
    updates=(Step("ReplaceRoute", ("routeTableId", *_DESTINATIONS, *_TARGETS.split())),),
    delete=(Step("DeleteRoute", arguments={"RouteTableId": "{routeTableId}"}, build=_named_destination),),
    replaces=frozenset({"routeTableId", *_DESTINATIONS}),
    outputs={"origin": Text("CreateRoute"), "state": Text("active")},
    names={"egressOnlyGatewayId": "EgressOnlyInternetGatewayId"},
    unread=frozenset({"gatewayId", "natGatewayId"}),
    empty=lambda found, wanted: _destination(wanted) not in _destinations(found),
)

ASSOCIATION = Kind(
    "aws:ec2/routeTableAssociation:RouteTableAssociation",
    "ec2",
    Step("AssociateRouteTable"),
    "AssociationId",
    Lookup(
        "DescribeRouteTables",
        {"Filters": [{"Name": "association.subnet-id", "Values": ["{subnetId}"]}]},
        "RouteTables[0]",
    ),
    updates=(
        Step(
            "ReplaceRouteTableAssociation",
            ("routeTableId",),
            build=lambda change: [{"AssociationId": _association(change), "RouteTableId": change.new["routeTableId"]}],
        ),
    ),
    delete=(Step("DisassociateRouteTable", build=lambda change: [{"AssociationId": _association(change)}]),),
    replaces=frozenset({"subnetId", "gatewayId"}),
)


def _association(change: Change) -> str:
    """A table that was changed in place has a new association, so it is looked up rather than remembered."""
    subnet = change.old.get("subnetId")
    entries = [entry for entry in change.live.get("Associations", []) if entry.get("SubnetId") == subnet]
    return str(entries[0]["RouteTableAssociationId"]) if entries else change.id


KINDS = (TABLE, ROUTE, ASSOCIATION)

"""VPC endpoints and flow logs."""

from __future__ import annotations

from offline.plugins.aws.kind import Change, Kind, Lookup, Step, Text
from offline.plugins.aws.tagging import EC2
from offline.plugins.marshal import Bag

_MEMBERS = {"routeTableIds": "RouteTableIds", "subnetIds": "SubnetIds", "securityGroupIds": "SecurityGroupIds"}
_OWNERS = {
    "vpcId": "VPC",
    "subnetId": "Subnet",
    "eniId": "NetworkInterface",
    "transitGatewayId": "TransitGateway",
    "transitGatewayAttachmentId": "TransitGatewayAttachment",
}


def _membership(change: Change) -> list[Bag]:
    """What to add and what to take away, as the API wants lists changed."""
    request: Bag = {}
    for name, member in _MEMBERS.items():
        old, new = set(change.old.get(name) or []), set(change.new.get(name) or [])
        for verb, ids in (("Add", new - old), ("Remove", old - new)):
            if ids:
                request[f"{verb}{member}"] = sorted(ids)
    return [request] if request else []


def _all_tables(change: Change) -> list[Bag]:
    tables = change.live.get("RouteTableIds") or []
    return [{"RemoveRouteTableIds": tables}] if tables else []


def _flow_log(bag: Bag) -> Bag:
    owner = next(name for name in _OWNERS if bag.get(name))
    rest = {key: value for key, value in bag.items() if key not in _OWNERS}
    return {**rest, "resourceIds": [bag[owner]], "resourceType": _OWNERS[owner]}


ENDPOINT = Kind(
    "aws:ec2/vpcEndpoint:VpcEndpoint",
    "ec2",
    Step("CreateVpcEndpoint"),
    "VpcEndpoint.VpcEndpointId",
    Lookup("DescribeVpcEndpoints", {"VpcEndpointIds": ["{id}"]}, "VpcEndpoints[?State!='deleted'] | [0]"),
    updates=(
        Step("ModifyVpcEndpoint", tuple(_MEMBERS), {"VpcEndpointId": "{id}"}, build=_membership),
        Step("ModifyVpcEndpoint", ("policy", "privateDnsEnabled"), {"VpcEndpointId": "{id}"}, partial=True),
    ),
    delete=(  # moto trips over tables that were added later
        Step("ModifyVpcEndpoint", arguments={"VpcEndpointId": "{id}"}, build=_all_tables),
        Step("DeleteVpcEndpoints", arguments={"VpcEndpointIds": ["{id}"]}),
    ),
    replaces=frozenset({"serviceName", "serviceRegion", "vpcEndpointType", "vpcId"}),
    outputs={
        "arn": Text("arn:{partition}:ec2:{region}:{account}:vpc-endpoint/{id}"),
        "dnsEntries": "DnsEntries[].{dnsName: DnsName, hostedZoneId: HostedZoneId}",
        "networkInterfaceIds": "NetworkInterfaceIds",
        "ownerId": Text("{account}"),
        "policy": "PolicyDocument",
        "requesterManaged": "RequesterManaged",
        "routeTableIds": "RouteTableIds",
        "securityGroupIds": "Groups[].GroupId",
        "state": ("State", Text("available")),
        "subnetIds": "SubnetIds",
    },
    names={"policy": "PolicyDocument"},
    defaults={"vpcEndpointType": "Gateway"},
    tagging=EC2,
)

FLOW_LOG = Kind(
    "aws:ec2/flowLog:FlowLog",
    "ec2",
    Step("CreateFlowLogs"),
    "FlowLogIds[0]",
    Lookup("DescribeFlowLogs", {"FlowLogIds": ["{id}"]}, "FlowLogs[0]"),
    delete=(Step("DeleteFlowLogs", arguments={"FlowLogIds": ["{id}"]}),),
    replaces=frozenset(
        [
            "deliverCrossAccountRole",
            "destinationOptions",
            "iamRoleArn",
            "logDestination",
            "logDestinationType",
            "logFormat",
            "maxAggregationInterval",
            "trafficType",
        ]
    )
    | frozenset(_OWNERS),
    outputs={
        "arn": Text("arn:{partition}:ec2:{region}:{account}:vpc-flow-log/{id}"),
        "logDestination": "LogDestination",
        "logFormat": "LogFormat",
    },
    names={"iamRoleArn": "DeliverLogsPermissionArn"},
    reshape=_flow_log,
    defaults={"logDestinationType": "cloud-watch-logs", "maxAggregationInterval": 600},
    tagging=EC2,
)

KINDS = (ENDPOINT, FLOW_LOG)

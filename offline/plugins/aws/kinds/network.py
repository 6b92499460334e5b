"""VPC, subnets, gateways and addresses."""

from __future__ import annotations

from offline.plugins.aws.kind import Kind, Lookup, Step, Text
from offline.plugins.aws.tagging import EC2

_VPC_FILTER = {"Name": "vpc-id", "Values": ["{id}"]}
_MAIN_TABLE = Lookup(
    "DescribeRouteTables",
    {"Filters": [_VPC_FILTER, {"Name": "association.main", "Values": ["true"]}]},
    "RouteTables[0].RouteTableId",
)

_UNHELD_ATTRIBUTES = (
    "enableDns64",
    "enableResourceNameDnsARecordOnLaunch",
    "enableResourceNameDnsAaaaRecordOnLaunch",
    "privateDnsHostnameTypeOnLaunch",
)


def _vpc_attribute(name: str) -> Step:
    return Step("ModifyVpcAttribute", (name,), {"VpcId": "{id}"}, at_creation=True)


def _subnet_attribute(name: str, held: bool = True) -> Step:
    return Step("ModifySubnetAttribute", (name,), {"SubnetId": "{id}"}, at_creation=True, held=held)


VPC = Kind(
    "aws:ec2/vpc:Vpc",
    "ec2",
    Step("CreateVpc"),
    "Vpc.VpcId",
    Lookup("DescribeVpcs", {"VpcIds": ["{id}"]}, "Vpcs[0]"),
    updates=tuple(
        _vpc_attribute(name) for name in ("enableDnsSupport", "enableDnsHostnames", "enableNetworkAddressUsageMetrics")
    ),
    delete=(Step("DeleteVpc", arguments={"VpcId": "{id}"}),),
    replaces=frozenset({"cidrBlock", "instanceTenancy", "ipv4IpamPoolId", "ipv4NetmaskLength"}),
    outputs={
        "arn": Text("arn:{partition}:ec2:{region}:{account}:vpc/{id}"),
        "cidrBlock": "CidrBlock",
        "dhcpOptionsId": "DhcpOptionsId",
        "enableDnsHostnames": Lookup(
            "DescribeVpcAttribute", {"VpcId": "{id}", "Attribute": "enableDnsHostnames"}, "EnableDnsHostnames.Value"
        ),
        "ownerId": Text("{account}"),
        "mainRouteTableId": _MAIN_TABLE,
        "defaultRouteTableId": _MAIN_TABLE,
        "defaultNetworkAclId": Lookup(
            "DescribeNetworkAcls",
            {"Filters": [_VPC_FILTER, {"Name": "default", "Values": ["true"]}]},
            "NetworkAcls[0].NetworkAclId",
        ),
        "defaultSecurityGroupId": Lookup(
            "DescribeSecurityGroups",
            {"Filters": [_VPC_FILTER, {"Name": "group-name", "Values": ["default"]}]},
            "SecurityGroups[0].GroupId",
        ),
    },
    defaults={"enableDnsSupport": True, "instanceTenancy": "default"},
    tagging=EC2,
)

SUBNET = Kind(
    "aws:ec2/subnet:Subnet",
    "ec2",
    Step("CreateSubnet"),
    "Subnet.SubnetId",
    Lookup("DescribeSubnets", {"SubnetIds": ["{id}"]}, "Subnets[0]"),
    updates=(
        _subnet_attribute("mapPublicIpOnLaunch"),
        _subnet_attribute("assignIpv6AddressOnCreation"),
        *(_subnet_attribute(name, held=False) for name in _UNHELD_ATTRIBUTES),
    ),
    delete=(Step("DeleteSubnet", arguments={"SubnetId": "{id}"}),),
    replaces=frozenset({"vpcId", "cidrBlock", "availabilityZone", "availabilityZoneId", "ipv6Native", "outpostArn"}),
    outputs={
        "arn": Text("arn:{partition}:ec2:{region}:{account}:subnet/{id}"),
        "availabilityZone": "AvailabilityZone",
        "availabilityZoneId": "AvailabilityZoneId",
        "ownerId": Text("{account}"),
        "privateDnsHostnameTypeOnLaunch": ("PrivateDnsNameOptionsOnLaunch.HostnameType", Text("ip-name")),
    },
    defaults={
        "assignIpv6AddressOnCreation": False,
        "enableDns64": False,
        "enableResourceNameDnsARecordOnLaunch": False,
        "enableResourceNameDnsAaaaRecordOnLaunch": False,
        "ipv6Native": False,
        "mapPublicIpOnLaunch": False,
    },
    unread=frozenset(_UNHELD_ATTRIBUTES),
    tagging=EC2,
)

INTERNET_GATEWAY = Kind(
    "aws:ec2/internetGateway:InternetGateway",
    "ec2",
    Step("CreateInternetGateway"),
    "InternetGateway.InternetGatewayId",
    Lookup("DescribeInternetGateways", {"InternetGatewayIds": ["{id}"]}, "InternetGateways[0]"),
    updates=(
        Step(
            "DetachInternetGateway",
            ("vpcId",),
            build=lambda change: _attachment(change.id, change.old.get("vpcId")),
        ),
        Step(
            "AttachInternetGateway",
            ("vpcId",),
            build=lambda change: _attachment(change.id, change.new.get("vpcId")),
            at_creation=True,
        ),
    ),
    delete=(
        Step("DetachInternetGateway", build=lambda change: _attachment(change.id, change.old.get("vpcId"))),
        Step("DeleteInternetGateway", arguments={"InternetGatewayId": "{id}"}),
    ),
    outputs={
        "arn": Text("arn:{partition}:ec2:{region}:{account}:internet-gateway/{id}"),
        "ownerId": Text("{account}"),
        "vpcId": "Attachments[0].VpcId",
    },
    tagging=EC2,
)


def _attachment(gateway: str, vpc: str | None) -> list[dict[str, str]]:
    return [{"InternetGatewayId": gateway, "VpcId": vpc}] if vpc else []


EIP = Kind(
    "aws:ec2/eip:Eip",
    "ec2",
    Step("AllocateAddress"),
    "AllocationId",
    Lookup("DescribeAddresses", {"AllocationIds": ["{id}"]}, "Addresses[0]"),
    delete=(Step("ReleaseAddress", arguments={"AllocationId": "{id}"}),),
    replaces=frozenset(
        {"address", "customerOwnedIpv4Pool", "domain", "ipamPoolId", "networkBorderGroup", "publicIpv4Pool"}
    ),
    outputs={
        "allocationId": "AllocationId",
        "arn": Text("arn:{partition}:ec2:{region}:{account}:elastic-ip/{id}"),
        "associationId": "AssociationId",
        "domain": "Domain",
        "networkBorderGroup": ("NetworkBorderGroup", Text("{region}")),
        "networkInterface": "NetworkInterfaceId",
        "privateIp": "PrivateIpAddress",
        "publicIp": "PublicIp",
        "publicIpv4Pool": ("PublicIpv4Pool", Text("amazon")),
    },
    tagging=EC2,
)

NAT_GATEWAY = Kind(
    "aws:ec2/natGateway:NatGateway",
    "ec2",
    Step("CreateNatGateway"),
    "NatGateway.NatGatewayId",
    Lookup("DescribeNatGateways", {"NatGatewayIds": ["{id}"]}, "NatGateways[?State!='deleted'] | [0]"),
    delete=(Step("DeleteNatGateway", arguments={"NatGatewayId": "{id}"}),),
    replaces=frozenset({"allocationId", "connectivityType", "privateIp", "subnetId", "vpcId", "availabilityMode"}),
    outputs={
        "associationId": "NatGatewayAddresses[0].AssociationId",
        "networkInterfaceId": "NatGatewayAddresses[0].NetworkInterfaceId",
        "privateIp": "NatGatewayAddresses[0].PrivateIp",
        "publicIp": "NatGatewayAddresses[0].PublicIp",
    },
    names={"privateIp": "PrivateIpAddress"},
    defaults={"connectivityType": "public"},
    unread=frozenset({"allocationId"}),
    tagging=EC2,
)

KINDS = (VPC, SUBNET, INTERNET_GATEWAY, EIP, NAT_GATEWAY)

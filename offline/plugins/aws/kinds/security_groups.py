"""Security groups: rules are compared with those that the group has, so that an update opens nothing on the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from offline.plugins.aws.kind import Change, Kind, Lookup, Name, Step, Text
from offline.plugins.aws.tagging import EC2
from offline.plugins.marshal import Bag

_SOURCES = {
    "cidrBlocks": ("IpRanges", "CidrIp"),
    "ipv6CidrBlocks": ("Ipv6Ranges", "CidrIpv6"),
    "prefixListIds": ("PrefixListIds", "PrefixListId"),
    "securityGroups": ("UserIdGroupPairs", "GroupId"),
}
_ANY = "-1"


class Rule(NamedTuple):
    """One source of one rule."""

    protocol: str
    first: int
    last: int
    member: str
    key: str
    source: str
    description: str

    def permission(self) -> Bag:
        described = {"Description": self.description} if self.description else {}
        ports = {} if self.protocol == _ANY else {"FromPort": self.first, "ToPort": self.last}
        return {"IpProtocol": self.protocol, **ports, self.member: [{self.key: self.source, **described}]}


def _wanted(rules: Iterable[Bag], group: str) -> Iterator[Rule]:
    for rule in rules:
        protocol = _ANY if str(rule["protocol"]) in (_ANY, "all") else str(rule["protocol"]).lower()
        first, last = (0, 0) if protocol == _ANY else (int(rule["fromPort"]), int(rule["toPort"]))
        sources = {**rule, "securityGroups": [*rule.get("securityGroups", []), *([group] if rule.get("self") else [])]}
        for name, (member, key) in _SOURCES.items():
            for source in sources.get(name) or []:
                yield Rule(protocol, first, last, member, key, str(source), str(rule.get("description") or ""))


def _present(permissions: Iterable[Bag]) -> Iterator[Rule]:
    for entry in permissions:
        protocol = str(entry["IpProtocol"])
        first, last = (0, 0) if protocol == _ANY else (int(entry.get("FromPort", 0)), int(entry.get("ToPort", 0)))
        for member, key in _SOURCES.values():
            for source in entry.get(member) or []:
                yield Rule(protocol, first, last, member, key, str(source[key]), str(source.get("Description") or ""))


def _requests(change: Change, side: str, live: str, adding: bool) -> list[Bag]:
    wanted, present = set(_wanted(change.new.get(side) or [], change.id)), set(_present(change.live.get(live) or []))
    rules = sorted(wanted - present if adding else present - wanted)
    return [{"GroupId": change.id, "IpPermissions": [rule.permission() for rule in rules]}] if rules else []


def _step(verb: str, direction: str) -> Step:
    side, live = direction.lower(), "IpPermissions" + ("Egress" if direction == "Egress" else "")
    adding = verb == "Authorize"

    def build(change: Change) -> list[Bag]:
        return _requests(change, side, live, adding)

    return Step(f"{verb}SecurityGroup{direction}", (side,), build=build, at_creation=True)


_RULES = tuple(_step(verb, direction) for direction in ("Ingress", "Egress") for verb in ("Authorize", "Revoke"))
_DESCRIBE = Lookup("DescribeSecurityGroups", {"GroupIds": ["{id}"]}, "SecurityGroups[0]")
_OUTPUTS: dict[str, Any] = {
    "arn": Text("arn:{partition}:ec2:{region}:{account}:security-group/{id}"),
    "name": "GroupName",
    "ownerId": Text("{account}"),
    "vpcId": "VpcId",
}

GROUP = Kind(
    "aws:ec2/securityGroup:SecurityGroup",
    "ec2",
    Step("CreateSecurityGroup"),
    "GroupId",
    _DESCRIBE,
    updates=_RULES,
    delete=(Step("DeleteSecurityGroup", arguments={"GroupId": "{id}"}),),
    replaces=frozenset({"description", "namePrefix", "vpcId"}),
    outputs=_OUTPUTS,
    names={"name": "GroupName"},
    defaults={"description": "Managed by Pulumi", "revokeRulesOnDelete": False},
    name=Name(),
    local=frozenset({"revokeRulesOnDelete"}),
    tagging=EC2,
)

DEFAULT_GROUP = Kind(
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
    "ec2",
    Step(
        "DescribeSecurityGroups",
        arguments={
            "Filters": [{"Name": "vpc-id", "Values": ["{vpcId}"]}, {"Name": "group-name", "Values": ["default"]}]
        },
    ),
    "SecurityGroups[0].GroupId",
    _DESCRIBE,
    updates=_RULES,
    replaces=frozenset({"vpcId"}),
    outputs={**_OUTPUTS, "description": "Description"},
    defaults={"revokeRulesOnDelete": False},
    local=frozenset({"revokeRulesOnDelete", "vpcId"}),
    tagging=EC2,
)

KINDS = (GROUP, DEFAULT_GROUP)

"""Whether this is the declared account, region and zones."""

import os
from collections.abc import Iterator

from workstation.aws_preflight.finding import AWS, Client, Finding, Wanted


def account_is_declared(client: Client, wanted: Wanted) -> Iterator[Finding]:
    """Whose credentials these are."""
    caller = client("sts").get_caller_identity()
    if caller["Account"] != wanted.aws.account:
        yield Finding(
            f"{AWS}.account",
            f"'{wanted.aws.account}' is declared, but the credentials of {caller['Arn']} belong to {caller['Account']}",
            "take credentials of the declared account, or declare the other one",
        )


def region_is_declared(client: Client, wanted: Wanted) -> Iterator[Finding]:
    """A shell that points elsewhere would show its user another region than the one that is changed."""
    for variable in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        region = os.environ.get(variable)
        if region and region != wanted.aws.region:
            yield Finding(
                f"{AWS}.region",
                f"'{wanted.aws.region}' is declared, but ${variable} says '{region}'",
                f"set {variable}={wanted.aws.region}, or unset it",
            )


def zones_are_open(client: Client, wanted: Wanted) -> Iterator[Finding]:
    """The network's zones exist for this account and take resources."""
    found = client("ec2").describe_availability_zones(AllAvailabilityZones=True)["AvailabilityZones"]
    states = {zone["ZoneName"]: zone for zone in found if zone.get("ZoneType", "availability-zone") != "local-zone"}
    usable = [name for name, zone in states.items() if _is_open(zone)]
    for zone in wanted.aws.network.zones:
        if zone not in usable:
            state = states.get(zone, {}).get("State", "unknown to this account")
            yield Finding(
                f"{AWS}.network.zones",
                f"'{zone}' is {state}",
                f"declare zones out of {', '.join(sorted(usable)) or 'another region'}",
            )


def _is_open(zone: dict[str, str]) -> bool:
    return zone["State"] == "available" and zone.get("OptInStatus") != "not-opted-in"

"""Whether this is the declared account, region and zones."""

import os
import shutil
from collections.abc import Iterator

from cli.aws_preflight.finding import AWS, Client, Finding, Wanted

_PIPELINE = ("-ci-deploy", "-ci-preview")
"""How the names of the pipeline's roles end: the one gets in, the other never tries."""


def account_is_declared(client: Client, wanted: Wanted) -> Iterator[Finding]:
    """Whose credentials these are."""
    caller = client("sts").get_caller_identity()
    if caller["Account"] != wanted.aws.account:
        yield Finding(
            f"{AWS}.account",
            f"'{wanted.aws.account}' is declared, but the credentials of {caller['Arn']} belong to {caller['Account']}",
            "take credentials of the declared account, or declare the other one",
        )


def caller_gets_into_the_cluster(client: Client, wanted: Wanted) -> Iterator[Finding]:
    """Nobody else does: not even whoever makes it."""
    arn = client("sts").get_caller_identity()["Arn"]
    role = arn.split("/")[1] if ":assumed-role/" in arn else None
    admins = {admin.rpartition("/")[2] for admin in wanted.aws.cluster.admins}
    if role not in admins and not (wanted.aws.ci and role and role.endswith(_PIPELINE)):
        yield Finding(
            f"{AWS}.cluster.admins",
            f"{arn} is none of them, and would be let into the cluster by nobody",
            f"take on one of {', '.join(sorted(admins))}, or declare your role",
            blocking=False,
        )


def kubernetes_login_is_possible(client: Client, wanted: Wanted) -> Iterator[Finding]:
    """The cluster's kubeconfig asks AWS's own command for a token, so that no credentials are in it."""
    if shutil.which("aws") is None:
        missing = "there is no program 'aws' to log in to the cluster with"
        yield Finding(f"{AWS}.cluster", missing, "install AWS's CLI", blocking=False)


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

"""Checks of account, region, zones and access."""

import os
import shutil
from collections.abc import Iterator

from cli.aws_preflight.wanted import AWS, Client, Wanted
from cli.finding import Finding


def caller_role(client: Client) -> str | None:
    """The name of the caller's role; None for a user. The ARN of its session does not have the role's path."""
    return _role(client("sts").get_caller_identity()["Arn"])


def _role(caller: str) -> str | None:
    return caller.split("/")[1] if ":assumed-role/" in caller else None


def account_is_declared(client: Client, wanted: Wanted) -> Iterator[Finding]:
    """The credentials are of the declared account."""
    caller = client("sts").get_caller_identity()
    if caller["Account"] != wanted.aws.account:
        yield Finding(
            f"{AWS}.account",
            f"'{wanted.aws.account}' is declared, but the credentials of {caller['Arn']} belong to {caller['Account']}",
            "use credentials of the declared account, or declare the other one",
        )


def caller_gets_into_the_cluster(client: Client, wanted: Wanted) -> Iterator[Finding]:
    """Only the declared admins have access, not even the cluster's creator."""
    arn = client("sts").get_caller_identity()["Arn"]
    admins = {admin.rpartition("/")[2] for admin in wanted.aws.cluster.admins}
    # Of the pipeline's roles, deploy has access to the cluster, and preview needs none.
    if _role(arn) not in {*admins, *wanted.pipeline_roles.values()}:
        yield Finding(
            f"{AWS}.cluster.admins",
            f"{arn} is not one of them, and would have no access to the cluster",
            f"assume one of {', '.join(sorted(admins))}, or declare your role",
            blocking=False,
        )


def kubernetes_login_is_possible(client: Client, wanted: Wanted) -> Iterator[Finding]:
    """The kubeconfig of an EKS cluster gets its tokens from the `aws` command."""
    if shutil.which("aws") is None:
        missing = "the command 'aws' is not on PATH; it is needed to log in to the cluster"
        yield Finding(f"{AWS}.cluster", missing, "install the AWS CLI", blocking=False)


def region_is_declared(client: Client, wanted: Wanted) -> Iterator[Finding]:
    """A shell with another region would show its user other resources than those that are changed."""
    for variable in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        region = os.environ.get(variable)
        if region and region != wanted.aws.region:
            yield Finding(
                f"{AWS}.region",
                f"'{wanted.aws.region}' is declared, but ${variable} is '{region}'",
                f"set {variable}={wanted.aws.region}, or unset it",
            )


def zones_are_open(client: Client, wanted: Wanted) -> Iterator[Finding]:
    """The network's zones exist and are enabled for this account."""
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

"""Checks that the account's vCPU quotas suffice for all pools at their maximum size."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from botocore.exceptions import ClientError

from cli.aws_preflight.wanted import Client, Machines, Wanted
from cli.finding import Finding

_STANDARD = tuple("acdhimrtz")
_APART = ("dl", "hpc", "inf", "mac", "trn")
"""Families with separate quotas in spite of their first letter; without GPUs, and not checked."""

_LETTERS = ", ".join(_STANDARD).upper()
_ON_DEMAND = {
    "standard": ("L-1216C47A", f"Running On-Demand Standard ({_LETTERS}) instances"),
    "g": ("L-DB2E81BA", "Running On-Demand G and VT instances"),
    "p": ("L-417A185B", "Running On-Demand P instances"),
}
_SPOT = {
    "standard": ("L-34B43A08", f"All Standard ({_LETTERS}) Spot Instance Requests"),
    "g": ("L-3819A6DF", "All G and VT Spot Instance Requests"),
    "p": ("L-7212CCBC", "All P4, P3 and P2 Spot Instance Requests"),
    "p5": ("L-C4BD4855", "All P5 Spot Instance Requests"),
}
_KINDS = {"onDemand": _ON_DEMAND, "reserved": _ON_DEMAND, "spot": _SPOT}
"""A capacity block counts against no vCPU quota."""

_FAMILY = re.compile(r"([a-z]+)(\d*)")


@dataclass
class Demand:
    """The vCPUs that all pools together may use of one quota."""

    name: str
    vcpus: int = 0
    settings: list[str] = field(default_factory=list)


def quota_of(instance_type: str, capacity: str) -> tuple[str, str] | None:
    """Code and name of the quota that an instance counts against."""
    match = _FAMILY.match(instance_type)
    letters, generation = match.groups() if match else ("", "")
    quotas = _KINDS.get(capacity, {})
    if letters in ("g", "gr", "vt"):
        return quotas.get("g")
    if letters == "p":
        newer = int(generation or 0) >= 5 and capacity == "spot"
        return quotas.get(f"p{generation}" if newer else "p")
    return quotas.get("standard") if letters[:1] in _STANDARD and letters not in _APART else None


def quotas_suffice(client: Client, wanted: Wanted) -> Iterator[Finding]:
    """Compare each quota with the maximum demand of the declared pools."""
    for code, demand in _demands(client, wanted).items():
        limit = _limit(client, code)
        if limit < demand.vcpus:
            yield Finding(
                ", ".join(demand.settings),
                f"up to {demand.vcpus} vCPUs, but the quota '{demand.name}' ({code}) is {limit:g}",
                f"lower 'max', or run: aws service-quotas request-service-quota-increase --service-code ec2 "
                f"--quota-code {code} --desired-value {demand.vcpus} --region {wanted.aws.region}",
            )


def _demands(client: Client, wanted: Wanted) -> dict[str, Demand]:
    sizes = _vcpus(client, wanted)
    demands: dict[str, Demand] = {}
    for setting, machines in wanted.machines.items():
        for (code, title), vcpus in _largest(machines, sizes).items():
            demand = demands.setdefault(code, Demand(title))
            demand.vcpus += vcpus * machines.count
            demand.settings.append(setting)
    return demands


def _largest(machines: Machines, sizes: dict[str, int]) -> dict[tuple[str, str], int]:
    """The vCPUs of the largest machine, by quota."""
    found: dict[tuple[str, str], int] = defaultdict(int)
    for instance_type in machines.types:
        for capacity in machines.capacity:
            quota = quota_of(instance_type, capacity)
            if quota and instance_type in sizes:
                found[quota] = max(found[quota], sizes[instance_type])
    return found


def _vcpus(client: Client, wanted: Wanted) -> dict[str, int]:
    types = sorted({one for machines in wanted.machines.values() for one in machines.types})
    pages = client("ec2").get_paginator("describe_instance_types")
    found = pages.paginate(Filters=[{"Name": "instance-type", "Values": types}])
    return {one["InstanceType"]: one["VCpuInfo"]["DefaultVCpus"] for page in found for one in page["InstanceTypes"]}


def _limit(client: Client, code: str) -> float:
    """The account's applied value, or AWS's default."""
    quotas = client("service-quotas")
    try:
        answer = quotas.get_service_quota(ServiceCode="ec2", QuotaCode=code)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchResourceException":
            raise
        answer = quotas.get_aws_default_service_quota(ServiceCode="ec2", QuotaCode=code)
    return float(answer["Quota"]["Value"])

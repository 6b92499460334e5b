"""Checks that EKS offers the declared Kubernetes version."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from cli.aws_preflight.wanted import AWS, Client, Wanted
from cli.finding import Finding
from infra.declaration.aws.support import WARNED_DAYS, minor

_SETTING = f"{AWS}.cluster.version"


def version_is_supported(client: Client, wanted: Wanted) -> Iterator[Finding]:
    """EKS offers the version. What happens at the end of its standard support is said before."""
    version = wanted.aws.cluster.version
    pages = client("eks").get_paginator("describe_cluster_versions").paginate()
    offered = {one["clusterVersion"]: one for page in pages for one in page["clusterVersions"]}
    current = [name for name, one in offered.items() if one["versionStatus"] == "STANDARD_SUPPORT"]
    write = f"write one of {', '.join(sorted(current))}"
    found = offered.get(version)
    if found is None or found["versionStatus"] == "UNSUPPORTED":
        yield Finding(_SETTING, f"EKS does not offer '{version}'", write)
    elif found["versionStatus"] == "EXTENDED_SUPPORT":
        yield from _extended(wanted, write)
    elif (ends := found.get("endOfStandardSupportDate")) and ends - datetime.now(UTC) < timedelta(days=WARNED_DAYS):
        yield Finding(_SETTING, f"standard support of '{version}' ends on {ends:%Y-%m-%d}", write, blocking=False)


def _extended(wanted: Wanted, write: str) -> Iterator[Finding]:
    """Of a cluster that runs, EKS decides: it must not keep anybody from deploying."""
    version = f"'{wanted.aws.cluster.version}' is in extended support only"
    if wanted.aws.cluster.upgrade_policy == "STANDARD":
        fix = f"{write}, or set {AWS}.cluster.upgradePolicy: EXTENDED, which costs extra"
        problem = f"{version}, and the upgrade policy is STANDARD: EKS upgrades the cluster by itself"
        yield Finding(_SETTING, problem, fix, blocking=False)
    else:
        yield Finding(_SETTING, f"{version}, which costs extra", write, blocking=False)


def the_cluster_can_become_it(client: Client, wanted: Wanted) -> Iterator[Finding]:
    """A cluster that is there is upgraded by one minor version at a time, and never goes back."""
    eks, declared = client("eks"), wanted.aws.cluster.version
    try:
        running = eks.describe_cluster(name=wanted.cluster)["cluster"]["version"]
    except eks.exceptions.ResourceNotFoundException:
        return
    if minor(running) > minor(declared):
        problem = f"the cluster runs '{running}', and an update can't lead back; EKS may have upgraded it by itself"
        yield Finding(_SETTING, problem, f"write '{running}'")
    elif minor(running) + 1 < minor(declared):
        problem = f"the cluster runs '{running}', and EKS upgrades one minor version at a time"
        yield Finding(_SETTING, problem, f"write '1.{minor(running) + 1}' first, and run `make up`")

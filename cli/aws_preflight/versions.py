"""Checks that EKS offers the declared Kubernetes version, and add-ons for it."""

from collections.abc import Iterator

from cli.aws_preflight.wanted import AWS, Client, Wanted
from cli.finding import Finding
from infra.declaration.aws.pools import ec2_settings

ADD_ONS = ("coredns", "eks-pod-identity-agent", "kube-proxy", "vpc-cni")
"""Add-ons that managed node groups need; nodes of EKS Auto Mode include them."""


def version_is_supported(client: Client, wanted: Wanted) -> Iterator[Finding]:
    """The version is offered, in the declared kind of support."""
    version, setting = wanted.aws.cluster.version, f"{AWS}.cluster.version"
    pages = client("eks").get_paginator("describe_cluster_versions").paginate()
    offered = {one["clusterVersion"]: one["versionStatus"] for page in pages for one in page["clusterVersions"]}
    status = offered.get(version)
    current = [name for name, kind in offered.items() if kind == "STANDARD_SUPPORT"]
    if status in (None, "UNSUPPORTED"):
        yield Finding(setting, f"EKS does not offer '{version}'", f"write one of {', '.join(sorted(current))}")
    elif status == "EXTENDED_SUPPORT" and wanted.aws.cluster.upgrade_policy == "STANDARD":
        yield Finding(
            setting,
            f"'{version}' is in extended support only, and the upgrade policy is STANDARD",
            f"write one of {', '.join(sorted(current))}, or set {AWS}.cluster.upgradePolicy: EXTENDED",
        )


def add_ons_fit(client: Client, wanted: Wanted) -> Iterator[Finding]:
    """Needed for managed node groups only."""
    version = wanted.aws.cluster.version
    fixed_size = [name for name, pool in wanted.pools.items() if ec2_settings(pool).fixed_size]
    for name in ADD_ONS if fixed_size else ():
        found = client("eks").describe_addon_versions(addonName=name, kubernetesVersion=version)["addons"]
        if not found:
            yield Finding(
                f"{AWS}.cluster.version",
                f"there is no add-on {name} for Kubernetes {version}, and pool '{fixed_size[0]}' needs it",
                "write another version, or set aws.fixedSize: false for the pool",
            )

"""Support of Kubernetes versions by EKS, as known offline: dates from versions.toml. EKS itself has the last word."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from infra.catalogue.versions import EKS_VERSIONS, EksVersion
from infra.declaration.aws.settings import Cluster

WARNED_DAYS = 90
"""For how long before the end of standard support there is a warning."""


def minor(version: str) -> int:
    """35 of `1.35`."""
    return int(version.partition(".")[2])


def warnings(cluster: Cluster, today: date) -> Iterator[str]:
    """What will happen to the cluster soon, or has happened, at the end of its version's support."""
    known = EKS_VERSIONS.get(cluster.version)
    if known is not None:
        yield from _of(cluster, known, today)


def _of(cluster: Cluster, known: EksVersion, today: date) -> Iterator[str]:
    left = (known.end_of_standard_support - today).days
    if left > WARNED_DAYS:
        return
    when = "ends" if left >= 0 else "ended"
    then = (
        "EKS then upgrades the cluster by itself"
        if cluster.upgrade_policy == "STANDARD"
        else "extended support costs extra"
    )
    version = f"Kubernetes {cluster.version}: standard support {when} on {known.end_of_standard_support}"
    yield f"{version}; {then}; write the next version, and run `make up`"

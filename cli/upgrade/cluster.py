"""The cluster of a stack: whose it is, its version, its nodes, and the end of its support."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from cli.finding import Finding
from cli.upgrade.versions import name
from infra.catalogue.versions import EKS_VERSIONS, KUBERNETES_END_OF_SUPPORT, LOCAL_KUBERNETES, EksVersion
from infra.declaration.aws.support import WARNED_DAYS, minor
from infra.declaration.model import Platform

Owner = Literal["local", "cluster", "aws"]


@dataclass(frozen=True)
class Dates:
    """When versions of Kubernetes go out of support, by minor version."""

    upstream: Mapping[int, date]
    eks: Mapping[int, EksVersion]


DATES = Dates(
    {minor(version): ends for version, ends in KUBERNETES_END_OF_SUPPORT.items()},
    {minor(version): ends for version, ends in EKS_VERSIONS.items()},
)


@dataclass(frozen=True)
class Cluster:
    """The foundation's cluster. `setting` is where its version is written; `version` is None if that is elsewhere."""

    foundation: Owner
    setting: str
    version: int | None
    pools: Sequence[str] = ()
    upgrade_policy: str = ""
    dates: Dates = field(default=DATES)

    @property
    def created_anew(self) -> bool:
        """Whether another version means another cluster: the local one is destroyed and started again."""
        return self.foundation == "local"


def cluster_of(platform: Platform) -> Cluster:
    """The declared one. Simulated pools have no kubelets."""
    foundation, pools = platform.foundation, tuple(platform.node_pools)
    if foundation.aws is not None:
        eks = foundation.aws.cluster
        setting = "platform.foundation.aws.cluster.version"
        return Cluster("aws", setting, minor(eks.version), pools, eks.upgrade_policy)
    if foundation.cluster is not None:
        return Cluster("cluster", "platform.foundation.cluster.kubeContext", None, pools)
    return Cluster("local", "versions.toml: kubernetes.local", minor(LOCAL_KUBERNETES))


def supported_until(cluster: Cluster, version: int) -> date | None:
    """The end of EKS' standard support, elsewhere of the Kubernetes project's."""
    if cluster.foundation == "aws":
        eks = cluster.dates.eks.get(version)
        return eks.end_of_standard_support if eks else None
    return cluster.dates.upstream.get(version)


def support_dates(cluster: Cluster, version: int) -> Iterator[str]:
    """A phrase for each date that is known, or that it is not."""
    upstream = cluster.dates.upstream.get(version)
    yield f"fixes by the Kubernetes project until {upstream or 'unknown'}"
    if cluster.foundation == "aws":
        eks = cluster.dates.eks.get(version)
        about = " (estimated)" if eks and eks.estimated else ""
        yield f"EKS: standard support until {eks.end_of_standard_support if eks else 'unknown'}{about}"
        yield f"extended until {eks.end_of_support if eks else 'unknown'}{about}"


def ended(cluster: Cluster, version: int, today: date) -> Iterator[Finding]:
    """The version is out of support, or soon will be. EKS refuses one whose extended support has ended."""
    if cluster.foundation == "aws":
        yield from _ended_in_eks(cluster, version, today)
    else:
        ends = cluster.dates.upstream.get(version)
        if ends is not None and (ends - today).days <= WARNED_DAYS:
            fix = "choose a later version" if cluster.foundation == "local" else "ask its owner who provides fixes"
            yield Finding(
                cluster.setting, _ending(version, "the Kubernetes project's support", ends, today), fix, False
            )


def _ended_in_eks(cluster: Cluster, version: int, today: date) -> Iterator[Finding]:
    eks = cluster.dates.eks.get(version)
    if eks is None:
        return
    if eks.end_of_support < today:
        problem = f"EKS has not supported Kubernetes {name(version)} since {eks.end_of_support}"
        yield Finding(cluster.setting, problem, "choose a later version")
    elif (eks.end_of_standard_support - today).days <= WARNED_DAYS:
        then = (
            "with upgradePolicy: STANDARD, EKS then upgrades the cluster by itself"
            if cluster.upgrade_policy == "STANDARD"
            else "extended support costs extra"
        )
        ending = _ending(version, "EKS' standard support", eks.end_of_standard_support, today)
        yield Finding(cluster.setting, f"{ending}; {then}", "choose a later version", blocking=False)


def dates_unknown(cluster: Cluster, version: int) -> Iterator[Finding]:
    """Whether the version is offered at all."""
    if cluster.foundation == "aws" and version not in cluster.dates.eks:
        problem = f"versions.toml has no date of EKS for Kubernetes {name(version)}: unknown whether EKS offers it"
        fix = "`make preflight` asks EKS, with credentials"
        yield Finding(cluster.setting, problem, fix, blocking=False)


def _ending(version: int, support: str, ends: date, today: date) -> str:
    return f"{support} of {name(version)} {'ended' if ends < today else 'ends'} on {ends}"

"""The version skew that Kubernetes allows: https://kubernetes.io/releases/version-skew-policy/ (read 2026-11-29)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cli.finding import Finding
from cli.upgrade.cluster import Cluster
from cli.upgrade.versions import name

KUBELETS_BEHIND = 3
"""Minor versions that a kubelet may be older than the API server. It must never be newer."""
KUBECTL = 1
"""Minor versions that kubectl may be older or newer."""


def path(cluster: Cluster, target: int) -> Sequence[int]:
    """The versions of the control plane on the way, of which none may be skipped. Only the target if it is unknown
    where the way begins, and for a cluster that is created anew."""
    if cluster.version is None or cluster.created_anew:
        return [target] if cluster.version != target else []
    return range(cluster.version + 1, target + 1)


def findings(cluster: Cluster, target: int) -> Iterator[Finding]:
    """Ways back, more than one minor version at once, and nodes that would be left too far behind."""
    current = cluster.version
    if current is None or cluster.created_anew:
        return
    if target < current:
        problem = f"{name(target)} is older than {name(current)}; kubelets would be newer than the control plane"
        yield Finding(cluster.setting, problem, f"choose {name(current)} or later")
    if target > current + 1:
        problem = f"{name(current)} to {name(target)} skips versions; a control plane goes one minor version at a time"
        yield Finding(cluster.setting, problem, f"go to {name(current + 1)} first", blocking=False)
    if target - current > KUBELETS_BEHIND:
        for pool in cluster.pools:
            behind = f"nodes of {name(current)} would be {target - current} minor versions behind {name(target)}"
            problem = f"{behind}, {KUBELETS_BEHIND} are allowed"
            until = name(current + KUBELETS_BEHIND)
            fix = f"let EKS replace the nodes at {until}" if cluster.foundation == "aws" else f"upgrade them at {until}"
            yield Finding(f"platform.nodePools.{pool}", problem, fix, blocking=False)


def nodes_must_follow(nodes: int, version: int, target: int) -> bool:
    """Whether nodes are upgraded after the control plane has reached `version`: at the end, and before they would be
    too far behind."""
    return version == target or version + 1 - nodes > KUBELETS_BEHIND

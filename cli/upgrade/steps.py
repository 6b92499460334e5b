"""The order of an upgrade: parts and API versions, the control plane by one minor version at a time, nodes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cli.upgrade import skew
from cli.upgrade.cluster import Cluster
from cli.upgrade.lifecycles import Use
from cli.upgrade.part_support import answer
from cli.upgrade.parts import Part
from cli.upgrade.versions import name

PROJECT, PLATFORM_TEAM, EKS, OWNER = "this project", "platform team", "EKS", "the cluster's owner"


@dataclass(frozen=True)
class Step:
    """What is to be done, and by whom."""

    who: str
    what: str


def steps(cluster: Cluster, target: int, used: Sequence[Use], parts: Sequence[Part], stack: str) -> Sequence[Step]:
    """None if the cluster is there already, or would have to go back."""
    way = skew.path(cluster, target)
    return list(_steps(cluster, way, used, parts, stack))


def _steps(
    cluster: Cluster, way: Sequence[int], used: Sequence[Use], parts: Sequence[Part], stack: str
) -> Iterator[Step]:
    open_uses, open_parts, nodes = list(used), list(parts), cluster.version
    for version in way:
        gone = [use for use in open_uses if use.gone_in(version)]
        lacking = [part for part in open_parts if answer(part.support, version) == "unsupported"]
        yield from (Step(PROJECT, f"{use.what}: {use.fix} in infra/, and deploy it") for use in gone)
        yield from (Step(PROJECT, _pin(cluster, part, version, way[-1])) for part in lacking)
        open_uses = [use for use in open_uses if use not in gone]
        open_parts = [part for part in open_parts if part not in lacking]
        yield _control_plane(cluster, version, stack)
        if skew.nodes_must_follow(version if nodes is None else nodes, version, way[-1]):
            yield _nodes(cluster, version)
            nodes = version
    if way:
        yield _kubectl(cluster, way[-1])


def _pin(cluster: Cluster, part: Part, version: int, target: int) -> str:
    """The part is upgraded first, so that it has to support the version before, too."""
    oldest = version if cluster.created_anew else version - 1
    versions = name(target) if oldest == target else f"{name(oldest)} to {name(target)}"
    return f"{part.title}: pin a version that supports {versions} ({part.pinned}), and deploy it"


def _control_plane(cluster: Cluster, version: int, stack: str) -> Step:
    if cluster.foundation == "aws":
        check = f"`make preflight STACK={stack}`, `make up STACK={stack}`"
        return Step(
            PLATFORM_TEAM, f"control plane to {name(version)}: write {cluster.setting}: '{name(version)}', {check}"
        )
    if cluster.foundation == "cluster":
        return Step(OWNER, f"control plane to {name(version)}, by one minor version at a time")
    pins = "kubernetes.local and k8s.io/kubernetes in versions.toml, k8s.io/* in offline/go/kubernetes/go.mod"
    return Step(PROJECT, f"cluster to {name(version)}: {pins}; then `make down` and `make up` build and start it")


def _nodes(cluster: Cluster, version: int) -> Step:
    if cluster.foundation == "aws":
        when = "in the maintenance window, or at their expiry; `kubectl get nodes` shows their versions"
        return Step(EKS, f"nodes to {name(version)}: it replaces them with container runtime and GPU driver, {when}")
    if cluster.foundation == "cluster":
        return Step(OWNER, f"nodes to {name(version)}, pool by pool, with container runtime and GPU driver")
    return Step(PROJECT, f"node to {name(version)}: nothing to do, its kubelet is built from the same pins")


def _kubectl(cluster: Cluster, version: int) -> Step:
    oldest, newest = name(version - skew.KUBECTL), name(version + skew.KUBECTL)
    if cluster.foundation == "local":
        return Step(PROJECT, "kubectl: nothing to do, it is built from the same pins")
    return Step(PLATFORM_TEAM, f"kubectl of {oldest} to {newest} where `make` runs")

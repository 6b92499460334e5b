"""Labels and taints of a pool's nodes: what the platform sets itself, and the rules for what is declared beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from infra.catalogue.names import DOMAIN, POOL_LABEL, SIMULATED_LABEL
from infra.declaration.pools import NodePool
from infra.declaration.problems import Problem
from infra.declaration.types import parse_taint

if TYPE_CHECKING:
    from infra.declaration.model import Platform

GPU = "nvidia.com/gpu"
GPU_TAINT = f"{GPU}=present:NoSchedule"
"""On nodes with GPUs: pods without GPUs stay away."""
SIMULATED_TAINT = f"{SIMULATED_LABEL}=true:NoSchedule"
SIMULATED_LABELS = {
    "kubernetes.io/os": "linux",
    "kubernetes.io/arch": "amd64",
    "type": "kwok",
    SIMULATED_LABEL: "true",
}
_HOSTNAME = "kubernetes.io/hostname"
_RESERVED_DOMAINS = ("kubernetes.io", "k8s.io", "karpenter.sh", "karpenter.k8s.aws", "eks.amazonaws.com")
_LIFECYCLE = ("node.kubernetes.io", "node.cloudprovider.kubernetes.io", "karpenter.sh", "eks.amazonaws.com")
"""Domains of the taints by which controllers mark nodes that are not ready, under pressure or being removed."""


def pool_taint(name: str) -> str:
    """A taint that only pods tolerate which name the pool."""
    return f"{POOL_LABEL}={name}:NoSchedule"


def platform_labels(name: str, pool: NodePool) -> dict[str, str]:
    """The pool's name, and GPU labels as set by NVIDIA's GPU feature discovery."""
    gpu = pool.gpu
    gpus = {f"{GPU}.product": gpu.model, f"{GPU}.count": str(gpu.count)} if gpu else {}
    return {POOL_LABEL: name, **gpus}


def platform_taints(name: str, pool: NodePool, *, simulated: bool) -> list[str]:
    """Those by which only pods are scheduled to the nodes that name the pool."""
    return [SIMULATED_TAINT if simulated else pool_taint(name), *([GPU_TAINT] if pool.gpu else [])]


def labels_are_free(platform: Platform, root: Path) -> Iterator[Problem]:
    """The platform would overwrite its own labels, and Kubernetes, Karpenter or EKS theirs."""
    simulated = platform.foundation.simulates_pools
    for name, pool in platform.node_pools.items() if platform.foundation.cluster is None else ():
        own = {**platform_labels(name, pool), **(SIMULATED_LABELS if simulated else {})}
        for key, value in pool.labels.items():
            path, domain = f"nodePools.{name}.labels.{key}", key.rpartition("/")[0]
            if key in own:
                if own[key] != value:
                    yield Problem(path, f"the platform sets it to '{own[key]}' on these nodes; remove it")
            elif _is_in(domain, (DOMAIN,)):
                yield Problem(path, f"'{domain}' is reserved for the platform; write another domain")
            elif key == _HOSTNAME or (_is_in(domain, _RESERVED_DOMAINS) and not simulated):
                message = f"'{domain}' is reserved for Kubernetes and EKS; write another domain, or a key without one"
                yield Problem(path, message)


def taints_are_free(platform: Platform, root: Path) -> Iterator[Problem]:
    """A node has one taint of a key and effect. On the cluster foundation the nodes, and their taints, exist."""
    existing = platform.foundation.cluster is not None
    for name, pool in platform.node_pools.items():
        taints = [] if existing else platform_taints(name, pool, simulated=platform.foundation.simulates_pools)
        own = {_identity(taint): taint for taint in taints}
        listed: dict[tuple[str, str], str] = {}
        for position, taint in enumerate(pool.taints):
            path, same = f"nodePools.{name}.taints.{position}", _identity(taint)
            domain = same[0].rpartition("/")[0]
            if same in own:
                if parse_taint(own[same]) != parse_taint(taint):
                    yield Problem(path, f"the platform sets {own[same]} on these nodes; remove {taint}")
            elif parse_taint(listed.setdefault(same, taint)) != parse_taint(taint):
                message = f"a node can't have {taint} beside {listed[same]}; write one taint of a key and an effect"
                yield Problem(path, message)
            elif not existing and _is_in(domain, (DOMAIN, *_LIFECYCLE)):
                message = f"'{domain}' is reserved for the platform and for controllers of nodes; write another domain"
                yield Problem(path, message)


def _identity(taint: str) -> tuple[str, str]:
    """A node has one taint of a key and an effect."""
    key, _, effect = parse_taint(taint)
    return key, effect


def _is_in(domain: str, reserved: tuple[str, ...]) -> bool:
    return any(domain == each or domain.endswith(f".{each}") for each in reserved)


NODE_RULES = (labels_are_free, taints_are_free)

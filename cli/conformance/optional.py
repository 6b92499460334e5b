"""What CNCF's checklist says SHOULD be there: looked for, and passed only where it is in use."""

from __future__ import annotations

from collections.abc import Iterator

from cli.conformance.metrics import gpu_nodes, only_simulated
from cli.conformance.report import Evidence, Outcome, judged
from cli.conformance.stack import Cluster, Stack
from cli.objects import Object, is_true

_POOLS = "/apis/inference.networking.k8s.io/v1/inferencepools"
_SLICES = "/apis/resource.k8s.io/v1/resourceslices"
_FRACTIONS = ("nvidia.com/mig-", "nvidia.com/gpu.shared")
_VIRTUAL = "nvidia.com/vgpu.present"


def driver_runtime_management(stack: Stack, cluster: Cluster) -> Outcome:
    """`make gpu-check` has passed on each node with real GPUs."""
    found = gpu_nodes(stack, cluster)
    if not found:
        return Outcome("not shown", "no node with GPUs is there")
    if simulated := only_simulated(found, "they have no driver"):
        return Outcome("not shown", simulated)
    real = [each.name for each in found if not each.simulated]
    checks = cluster.gpu_checks(stack.platform, real)
    evidence = [Evidence("the last result of make gpu-check", f"{name}: {check}") for name, check in checks.items()]
    problems = [f"node {name}: {check}" for name, check in checks.items() if check.startswith("failed")]
    unchecked = [name for name in real if name not in checks]
    missing = f"not checked: {', '.join(unchecked)}; run `make gpu-check`" if unchecked else ""
    return judged(problems, evidence, not_shown=missing)


def gpu_sharing(stack: Stack, cluster: Cluster) -> Outcome:
    """A node offers a part of a GPU."""
    offered = {
        resource
        for node in _pool_nodes(stack, cluster)
        for resource in node["status"].get("allocatable", {})
        if resource.startswith(_FRACTIONS)
    }
    evidence = [Evidence("GET /api/v1/nodes: parts of GPUs", ", ".join(sorted(offered)) or "none")]
    return judged([], evidence, not_shown="" if offered else "the nodes offer whole GPUs only")


def virtualized_accelerator(stack: Stack, cluster: Cluster) -> Outcome:
    """A node has virtual GPUs."""
    virtual = [
        node["metadata"]["name"]
        for node in _pool_nodes(stack, cluster)
        if node["metadata"].get("labels", {}).get(_VIRTUAL) == "true"
    ]
    evidence = [Evidence(f"GET /api/v1/nodes: label {_VIRTUAL}", ", ".join(virtual) or "none")]
    return judged([], evidence, not_shown="" if virtual else "no node has virtual GPUs")


def _pool_nodes(stack: Stack, cluster: Cluster) -> Iterator[Object]:
    for selector in stack.gpu_pools.values():
        yield from cluster.objects.listed("/api/v1/nodes", labelSelector=selector)


def advanced_inference_ingress(stack: Stack, cluster: Cluster) -> Outcome:
    """A gateway has accepted an InferencePool."""
    pools = cluster.objects.listed(_POOLS)
    accepted = [
        each["metadata"]["name"]
        for each in pools
        if any(is_true({"status": parent}, "Accepted") for parent in each.get("status", {}).get("parents", []))
    ]
    evidence = [Evidence(f"GET {_POOLS}", f"{len(pools)} pools, accepted: {', '.join(accepted) or 'none'}")]
    missing = "" if accepted else "no gateway serves an InferencePool: the platform routes to Services"
    return judged([], evidence, not_shown=missing)


def high_performance_networking(stack: Stack, cluster: Cluster) -> Outcome:
    """A DRA driver publishes network devices."""
    drivers = {each["spec"]["driver"] for each in cluster.objects.listed(_SLICES)}
    networks = sorted(each for each in drivers if each == "dra.net" or each.endswith(".dra.net"))
    evidence = [Evidence(f"GET {_SLICES}", f"drivers: {', '.join(sorted(drivers)) or 'none'}")]
    missing = "" if networks else "no DRA driver publishes network devices"
    return judged([], evidence, not_shown=missing)


def disaggregated_inference(stack: Stack, cluster: Cluster) -> Outcome:
    """No image of the platform does."""
    return Outcome("not shown", "the platform serves a model by pods of one kind: none splits prefill and decode")

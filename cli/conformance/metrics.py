"""Metrics of accelerators and of AI services, in the platform's Prometheus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cli.conformance.report import Evidence, Outcome, judged
from cli.conformance.stack import Cluster, Stack, is_ready
from cli.nodes import Node, nodes

_REQUIRED = ("DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_FB_USED")
"""Utilization and memory, of DCGM's exporter."""
_ALSO = ("DCGM_FI_DEV_GPU_TEMP", "DCGM_FI_DEV_POWER_USAGE")
_NO_MONITORING = Outcome("not shown", "the stack declares no monitoring")


def accelerator_metrics(stack: Stack, cluster: Cluster) -> Outcome:
    """Prometheus has utilization and memory of each GPU of each ready node."""
    if stack.declared.monitoring is None:
        return _NO_MONITORING
    found = gpu_nodes(stack, cluster)
    if not found:
        return Outcome("not shown", "no node with GPUs is there")
    series = {name: _by_node(cluster, name) for name in (*_REQUIRED, *_ALSO)}
    problems = [
        f"{name} has {series[name].get(node.name, 0)} series of {node.gpus} GPUs of node {node.name}"
        for name in _REQUIRED
        for node in found
        if series[name].get(node.name, 0) < node.gpus
    ]
    counted = [Evidence(_counting(name), _said(each)) for name, each in series.items()]
    return judged(problems, [_offered(found), *counted], not_shown=only_simulated(found, "their metrics are made up"))


def gpu_nodes(stack: Stack, cluster: Cluster) -> list[Node]:
    """Ready ones with GPUs in the stack's pools."""
    found = [each for selector in stack.gpu_pools.values() for each in nodes(cluster.objects, labelSelector=selector)]
    return [each for each in found if each.ready and each.gpus]


def only_simulated(found: list[Node], why: str) -> str:
    """The reason why an item can't be shown, if no node has real GPUs."""
    return "" if any(not each.simulated for each in found) else f"all GPUs are simulated: {why}"


def _counting(name: str) -> str:
    return f"count by (node) ({name})"


def _by_node(cluster: Cluster, name: str) -> dict[str, int]:
    return {labels.get("node", ""): int(value) for labels, value in cluster.query(_counting(name))}


def _said(series: Mapping[str, int]) -> str:
    return ", ".join(f"{node} {count}" for node, count in sorted(series.items())) or "no series"


def _offered(found: list[Node]) -> Evidence:
    said = ", ".join(f"{each.name} {each.gpus} {'(simulated)' if each.simulated else ''}".strip() for each in found)
    return Evidence("GET /api/v1/nodes: GPUs of ready nodes", said)


def ai_service_metrics(stack: Stack, cluster: Cluster) -> Outcome:
    """Prometheus scrapes each ready pod of each endpoint."""
    if stack.declared.monitoring is None:
        return _NO_MONITORING
    pods = sorted(_serving_pods(stack, cluster))
    up = {labels.get("pod", ""): value for labels, value in cluster.query(_UP)}
    problems = [f"{name} is not scraped: {_scraped(up, name)}" for name in pods if not up.get(name.partition("/")[2])]
    said = ", ".join(f"{name} {_scraped(up, name)}" for name in pods) or "no pod of an endpoint is ready"
    evidence = [Evidence(_UP, said)]
    evidence += [Evidence(_SERIES, f"{value:.0f} series") for _, value in cluster.query(_SERIES)]
    return judged(problems, evidence, not_shown="" if pods else "no pod of an endpoint is ready")


_UP, _SERIES = 'up{job="serving"}', 'count({job="serving"})'


def _scraped(up: Mapping[str, float], name: str) -> str:
    value = up.get(name.partition("/")[2])
    return "no target" if value is None else f"up={value:.0f}"


def _serving_pods(stack: Stack, cluster: Cluster) -> Iterator[str]:
    for team in stack.declared.teams:
        path = f"/api/v1/namespaces/{team}/pods"
        for pod in cluster.objects.listed(path, labelSelector="app.kubernetes.io/component=serving"):
            if is_ready(pod):
                yield f"{team}/{pod['metadata']['name']}"

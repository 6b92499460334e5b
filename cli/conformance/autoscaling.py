"""Autoscaling of nodes and of pods with accelerators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cli.conformance.report import Evidence, Outcome, judged
from cli.conformance.stack import Cluster, Stack, namespaces, unready
from cli.nodes import GPU
from cli.objects import Object, Objects, condition, is_true
from infra.catalogue.names import SCALED_ANNOTATION
from infra.networking.gateway import AUTOSCALER

_KARPENTER, _HPA = "/apis/karpenter.sh/v1", "/apis/autoscaling/v2"
_POOL_OF_NODE = "karpenter.sh/nodepool"
_ABLE = ("AbleToScale", "ScalingActive")


def cluster_autoscaling(stack: Stack, cluster: Cluster) -> Outcome:
    """Karpenter's pools with GPUs are ready, and a node was added to one of them. None is bought for the check."""
    pools = list(filter(_has_gpus(stack), cluster.objects.listed(f"{_KARPENTER}/nodepools")))
    names = [each["metadata"]["name"] for each in pools]
    problems = [
        f"NodePool {each['metadata']['name']} is not ready: {_message(each)}" for each in pools if _is_bad(each)
    ]
    if stack.declared.foundation.aws is not None:
        problems += [f"NodePool {name} is missing" for name in _missing(stack, names)]
    evidence = [Evidence(f"GET {_KARPENTER}/nodepools", ", ".join(map(_state, pools)) or "none with GPUs")]
    if not pools:
        return judged(problems, evidence, not_shown=_why_none(stack))
    claims = [each for each in cluster.objects.listed(f"{_KARPENTER}/nodeclaims") if _is_node_of(each, names)]
    evidence.append(Evidence(f"GET {_KARPENTER}/nodeclaims", f"{len(claims)} nodes added to pools with GPUs"))
    missing = "no pool with GPUs has a node that Karpenter has added, and this check buys none" if not claims else ""
    return judged(problems, evidence, not_shown=missing)


def _has_gpus(stack: Stack) -> Any:
    gpu_pools = {*stack.gpu_pools, *(f"{name}.fixed" for name in stack.gpu_pools)}
    return lambda each: each["metadata"]["name"] in gpu_pools


def _missing(stack: Stack, names: list[str]) -> list[str]:
    return [each for each in stack.gpu_pools if not {each, f"{each}.fixed"} & {*names}]


def _is_bad(pool: Object) -> bool:
    """A new one has no condition yet."""
    return condition(pool, "Ready").get("status") == "False"


def _message(found: Object) -> str:
    return str(condition(found, "Ready").get("message") or "no reason given")


def _state(pool: Object) -> str:
    return f"{pool['metadata']['name']} Ready={condition(pool, 'Ready').get('status', 'unknown')}"


def _is_node_of(claim: Object, pools: list[str]) -> bool:
    return claim["metadata"].get("labels", {}).get(_POOL_OF_NODE) in pools and is_true(claim, "Registered")


def _why_none(stack: Stack) -> str:
    if stack.declared.foundation.local is not None:
        return "the local foundation has no autoscaler of nodes: its node pools are simulated, of fixed size"
    if not stack.gpu_pools:
        return "the stack declares no pool with GPUs"
    return "the cluster has no pool of Karpenter with GPUs; the nodes of this foundation are its owner's"


def pod_autoscaling(stack: Stack, cluster: Cluster) -> Outcome:
    """Each HorizontalPodAutoscaler in the stack's namespaces can scale, and one of them pods with GPUs by a metric of
    their own."""
    objects = cluster.objects
    found = [
        each
        for name in namespaces(stack, objects)
        for each in objects.listed(f"{_HPA}/namespaces/{name}/horizontalpodautoscalers")
    ]
    problems = [problem for each in found if (problem := _unable(each))]
    scaled = list(_scaled(stack, objects))
    if scaled:
        problems += [line for line in unready(objects, stack.platform) if f"/{AUTOSCALER} " in line]
    evidence = [
        Evidence(f"GET {_HPA}/horizontalpodautoscalers", "; ".join(map(_hpa, found)) or "none"),
        Evidence("GET /apis/custom.metrics.k8s.io", "served" if objects.get(_CUSTOM) else "not served"),
        Evidence(f"GET Deployments with the annotation {SCALED_ANNOTATION}", ", ".join(scaled) or "none"),
    ]
    shown = any(_is_active(each) and _is_custom(each) and _gpus_of(objects, each) for each in found)
    return judged(problems, evidence, not_shown="" if shown else _NO_HPA)


_CUSTOM = "/apis/custom.metrics.k8s.io"
_NO_HPA = (
    "no HorizontalPodAutoscaler scales pods with GPUs by a custom metric: "
    "the platform scales endpoints by their requests, by a controller of its own"
)


def _unable(hpa: Object) -> str:
    for each in _ABLE:
        seen = condition(hpa, each)
        if seen.get("status") == "False" and seen.get("reason") != "ScalingDisabled":
            return f"HorizontalPodAutoscaler {_name(hpa)}: {each}=False, {seen.get('reason')}"
    return ""


def _is_active(hpa: Object) -> bool:
    return all(is_true(hpa, each) for each in _ABLE)


def _is_custom(hpa: Object) -> bool:
    return any(each["type"] in ("Pods", "Object", "External") for each in hpa["spec"].get("metrics", []))


def _gpus_of(objects: Objects, hpa: Object) -> int:
    """Of one pod of a Deployment that it scales."""
    target = hpa["spec"]["scaleTargetRef"]
    if target["kind"] != "Deployment":
        return 0
    path = f"/apis/apps/v1/namespaces/{hpa['metadata']['namespace']}/deployments/{target['name']}"
    containers = (objects.get(path) or {}).get("spec", {}).get("template", {}).get("spec", {}).get("containers", [])
    return sum(int(each.get("resources", {}).get("limits", {}).get(GPU, 0)) for each in containers)


def _hpa(hpa: Object) -> str:
    states = ", ".join(f"{each}={condition(hpa, each).get('status', 'unknown')}" for each in _ABLE)
    return f"{_name(hpa)}: {states}"


def _name(found: Mapping[str, Any]) -> str:
    return f"{found['metadata']['namespace']}/{found['metadata']['name']}"


def _scaled(stack: Stack, objects: Objects) -> list[str]:
    """Deployments whose number of pods the platform's own controller sets."""
    return [
        _name(each)
        for team in stack.declared.teams
        for each in objects.listed(f"/apis/apps/v1/namespaces/{team}/deployments")
        if SCALED_ANNOTATION in each["metadata"].get("annotations", {})
    ]

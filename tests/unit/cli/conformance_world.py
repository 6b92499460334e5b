"""A stack that conforms, as its API server answers, and ways to spoil it."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from cli.conformance.stack import Answer, Sample, Stack
from cli.objects import Object, Objects
from infra.declaration.loader import declare
from tests.examples import DEV, declaration
from tests.unit.declaration.samples import REPOSITORY

GATEWAY_API = "/apis/gateway.networking.k8s.io/v1"
KUEUE = "/apis/kueue.x-k8s.io/v1beta2"
HPAS = "/apis/autoscaling/v2/namespaces/vision/horizontalpodautoscalers"
DEPLOYMENTS = "/apis/apps/v1/namespaces/{}/deployments"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
ROUTE = f"{GATEWAY_API}/namespaces/vision/httproutes/digits"
GATEWAY = f"{GATEWAY_API}/namespaces/ml-platform-gateway/gateways/gateway"
CLASS = f"{GATEWAY_API}/gatewayclasses/ml-platform"
WORKLOADS = f"{KUEUE}/namespaces/vision/workloads"
NODE_POOLS, NODE_CLAIMS = "/apis/karpenter.sh/v1/nodepools", "/apis/karpenter.sh/v1/nodeclaims"
TEAM_PODS = "/api/v1/namespaces/vision/pods"
NAMESPACES = ("ml-platform", "ml-platform-gateway", "ml-platform-queues", "ml-platform-devices", "vision", "speech")
POD_SECURITY = 'pods "conformance" is forbidden: violates PodSecurity "restricted:latest": privileged'


def conditions(*types: str, status: str = "True", **more: object) -> dict[str, Any]:
    return {"conditions": [{"type": each, "status": status, **more} for each in types]}


def stack(**sections: object) -> Stack:
    """Of the dev example with queues; a section that is None is left out."""
    declared = {**declaration(DEV), "queues": {}, **sections}
    declared = {name: section for name, section in declared.items() if section is not None}
    outputs = {
        "images": {"serving": f"127.0.0.1:5000/ml-platform/serving@sha256:{'1' * 64}"},
        "tracking": {"namespace": "ml-platform", "service": "tracking", "port": 5000.0},
        "endpoints": {
            "digits": {
                "namespace": "vision",
                "service": "digits",
                "model": "digits",
                "url": "https://digits.localhost:8443",
                "api_key": "key",
            }
        },
    }
    return Stack(declare(declared, DEV.name, REPOSITORY), outputs)


def deployment(name: str, namespace: str, replicas: int = 1, available: int = 1) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"metadata": metadata, "spec": {"replicas": replicas}, "status": {"availableReplicas": available}}


def node(name: str, *, simulated: bool) -> dict[str, Any]:
    kwok = {"type": "kwok"} if simulated else {}
    labels = {"ml-platform.io/pool": "a10g", "nvidia.com/gpu.product": "NVIDIA-A10G", **kwok}
    return {
        "metadata": {"name": name, "labels": labels},
        "status": {"allocatable": {"nvidia.com/gpu": "1"}, **conditions("Ready")},
    }


def pod(
    name: str, *, gpus: int = 0, node: str = "ml-platform", component: str = "serving", job: str = ""
) -> dict[str, Any]:
    limits = {"nvidia.com/gpu": str(gpus)} if gpus else {}
    return {
        "metadata": {
            "name": name,
            "namespace": "vision",
            "labels": {"app.kubernetes.io/component": component, "batch.kubernetes.io/job-name": job},
        },
        "spec": {"nodeName": node, "containers": [{"name": "main", "resources": {"limits": limits}}]},
        "status": {"phase": "Running", "podIP": "10.244.0.9", **conditions("Ready")},
    }


def workload(name: str, pods: int, assigned: int) -> dict[str, Any]:
    """Of a Job; without assigned pods it waits."""
    waits = conditions("QuotaReserved", status="False", reason="Pending")
    admission = {"podSetAssignments": [{"name": "main", "count": assigned}]}
    admitted = {"admission": admission, **conditions("QuotaReserved", "Admitted")}
    return {
        "metadata": {
            "name": f"job-{name}",
            "namespace": "vision",
            "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": name}],
        },
        "spec": {"active": True, "podSets": [{"name": "main", "count": pods}]},
        "status": admitted if assigned else waits,
    }


def route() -> dict[str, Any]:
    parent = {"controllerName": "ml-platform.io/ml-platform", **conditions("Accepted", "ResolvedRefs")}
    spec = {"rules": [{"backendRefs": [{"name": "digits", "port": 8080, "weight": 100}]}]}
    return {"metadata": {"name": "digits", "generation": 2}, "spec": spec, "status": {"parents": [parent]}}


def hpa(active: str, reason: str = "ValidMetricFound", *, metric: str = "Pods") -> dict[str, Any]:
    states = [
        {"type": "AbleToScale", "status": "True", "reason": "ReadyForNewScale"},
        {"type": "ScalingActive", "status": active, "reason": reason},
    ]
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "llm"}
    return {
        "metadata": {"name": "llm", "namespace": "vision"},
        "spec": {"scaleTargetRef": target, "metrics": [{"type": metric}]},
        "status": {"conditions": states},
    }


def node_pool(ready: str) -> dict[str, Any]:
    message = "NodeClass a10g not found" if ready == "False" else ""
    states = [{"type": "Ready", "status": ready, "message": message}]
    return {"metadata": {"name": "a10g"}, "status": {"conditions": states}}


NODE_CLAIM = {
    "metadata": {"name": "a10g-1", "labels": {"karpenter.sh/nodepool": "a10g"}},
    "status": conditions("Registered"),
}


def objects() -> dict[str, Any]:
    """By path; lists are those of kinds."""
    feature = [{"name": "HTTPRouteHeaderMatching"}]
    found: dict[str, Any] = {
        CLASS: {
            "metadata": {"generation": 1},
            "spec": {"controllerName": "ml-platform.io/ml-platform"},
            "status": {"supportedFeatures": feature, **conditions("Accepted", observedGeneration=1)},
        },
        GATEWAY: {
            "metadata": {"generation": 3},
            "status": conditions("Accepted", "Programmed", observedGeneration=3),
        },
        ROUTE: route(),
        "/api/v1/namespaces": [
            {"metadata": {"name": name, "labels": {"ml-platform.io/platform": "ml-platform"}}} for name in NAMESPACES
        ],
        "/api/v1/nodes": [node("a10g-0", simulated=False)],
        "/api/v1/pods": [pod("run", gpus=1, node="a10g-0", component="training")],
        TEAM_PODS: [pod("digits-1"), pod("run", gpus=1, node="a10g-0", component="training")],
        "/api/v1/namespaces/ml-platform/services/tracking": {"spec": {"clusterIP": "10.96.0.7"}},
        WORKLOADS: [workload("runs", 4, 4), workload("waits", 8, 0)],
        "/apis/apps/v1/namespaces/vision/deployments/llm": {
            "spec": {
                "template": {
                    "spec": {"containers": [{"name": "main", "resources": {"limits": {"nvidia.com/gpu": "1"}}}]}
                }
            }
        },
        HPAS: [hpa("True")],
        NODE_POOLS: [node_pool("True")],
        NODE_CLAIMS: [NODE_CLAIM],
    }
    for name, namespace in (("envoy", "ml-platform-gateway"), ("kueue", "ml-platform-queues")):
        found[DEPLOYMENTS.format(namespace)] = [deployment(name, namespace)]
    for team in ("vision", "speech"):
        found[f"{KUEUE}/clusterqueues/ml-platform-{team}"] = {"status": conditions("Active")}
        found[f"{KUEUE}/namespaces/{team}/localqueues/{team}"] = {"status": conditions("Active")}
    for kind in ("clusterqueues", "localqueues", "resourceflavors", "workloads"):
        found[f"{DEFINITIONS}/{kind}.kueue.x-k8s.io"] = {"status": conditions("Established")}
    return found


class RecordedObjects(Objects):
    """Answers by path; a list filtered by one label, and empty for a kind without objects."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self._answers = answers

    def get(self, path: str, **query: str) -> Object | None:
        found = self._answers.get(path, {})
        if not isinstance(found, list):
            return dict(found)
        key, _, value = query.get("labelSelector", "").partition("=")
        return {"items": [each for each in found if not key or each["metadata"].get("labels", {}).get(key) == value]}


class RecordedCluster:
    """What a conforming stack answers, by the kinds of questions; tests change it before they ask."""

    def __init__(self) -> None:
        self.answers = objects()
        self.admitted_pods: set[str] = set()
        """Names of what pods may violate: `privileged`, `hostPath`, ..."""
        self.suspends = self.keeps_weights = True
        self.rights = {("vision-leads", "vision"), ("speech-leads", "speech")}
        """Groups that may read Secrets, by namespace."""
        self.samples: dict[str, list[Sample]] = {
            "DCGM_FI_DEV_GPU_UTIL": [({"node": "a10g-0"}, 1.0)],
            "DCGM_FI_DEV_FB_USED": [({"node": "a10g-0"}, 1.0)],
            'up{job="serving"}': [({"pod": "digits-1"}, 1.0)],
            'count({job="serving"})': [({}, 87.0)],
        }
        self.codes = {None: 401, "key": 200}
        self.devices = {"run": "null\nnvidia0\nnvidiactl\n", "digits-1": "null\n"}
        self.reaches: set[tuple[str, str]] = {("asker", "10.244.0.8"), ("digits-1", "10.96.0.7")}

    @property
    def objects(self) -> Objects:
        return RecordedObjects(self.answers)

    def versions(self) -> Mapping[str, str]:
        return {"kubernetes": "v1.34.4"}

    def dry_run(self, path: str, manifest: Object) -> Answer:
        admitted = copy.deepcopy(dict(manifest))
        if path.endswith("/jobs"):
            admitted["spec"]["suspend"] = self.suspends
        elif path.endswith("/httproutes") and not self.keeps_weights:
            del admitted["spec"]["rules"][0]["matches"]
        elif path.endswith("/pods") and (wrong := violations(manifest)) - self.admitted_pods:
            return Answer(refusal=_refusal(wrong))
        return Answer(admitted)

    def may(self, groups: Sequence[str], verb: str, resource: str, namespace: str) -> bool:
        return any((group, namespace) in self.rights for group in groups)

    def query(self, promql: str) -> list[Sample]:
        return self.samples.get(
            promql.removeprefix("count by (node) (").removesuffix(")"), self.samples.get(promql, [])
        )

    def request(self, endpoint: Mapping[str, Any], key: str | None) -> int:
        return self.codes[key]

    def run_in(self, namespace: str, pod: str, command: Sequence[str]) -> str:
        if command[0] == "ls":
            return self.devices[pod]
        return "reached\n" if (pod, command[-2]) in self.reaches else "refused\n"

    def gpu_checks(self, namespace: str, nodes: Sequence[str]) -> Mapping[str, str]:
        return dict.fromkeys(nodes, "passed: 1 x NVIDIA A10G, at least 60 TFLOP/s, driver 580.95.05")

    @contextmanager
    def stranger(self) -> Iterator[tuple[str, str, str]]:
        yield "ml-platform-conformance-1", "asker", "10.244.0.8:8080"


def violations(manifest: Object) -> set[str]:
    """Of a pod."""
    spec = manifest["spec"]
    found = {"hostPath" for volume in spec.get("volumes", []) if "hostPath" in volume}
    found |= {"hostNetwork"} if spec.get("hostNetwork") else set()
    for container in spec["containers"]:
        context = container.get("securityContext", {})
        found |= {"privileged"} if context.get("privileged") else set()
        found |= {"root"} if context.get("runAsNonRoot") is False else set()
        if "nvidia.com/gpu" in container["resources"]["limits"]:
            found |= {"gpus"}
    return found


def _refusal(wrong: set[str]) -> str:
    """GPUs are those of an admission policy, whose name is in the message."""
    if wrong == {"gpus"}:
        policy = "ml-platform-gpus-with-limits-and-tolerations"
        return f"pods \"conformance\" is forbidden: ValidatingAdmissionPolicy '{policy}' denied request"
    return POD_SECURITY

"""Access to accelerators, and the items about them that most stacks do not have."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from cli.conformance.metrics import gpu_nodes, only_simulated
from cli.conformance.report import Evidence, Outcome, judged
from cli.conformance.stack import Cluster, Stack, namespaces
from cli.conformance.tenancy import refused
from cli.nodes import GPU, Node
from cli.objects import ON_A_NODE, Object
from infra.catalogue.names import devices_namespace
from infra.catalogue.pod_rules import GPUS, HOST_PATHS, PRIVILEGED

_DEVICES = ("/dev", "/var/run/nvidia-container-devices", "/var/lib/kubelet/device-plugins")
_GPU_DEVICE = re.compile(r"nvidia[0-9]+", re.ASCII)
_RULES = (PRIVILEGED, HOST_PATHS, GPUS)
"""What a pod of a team would need to take a GPU that Kubernetes has not given it."""


def secure_accelerator_access(stack: Stack, cluster: Cluster) -> Outcome:
    """Pods get GPUs by a limit only: other ways are refused, no pod has taken one, and containers see no more."""
    asked = refused(stack, cluster, _RULES)
    problems, evidence = asked.problems, asked.evidence
    found = gpu_nodes(stack, cluster)
    pods = list(_pods(stack, cluster))
    takers = _takers(pods)
    problems += takers
    ran = "GET pods of the stack: privileges, and host paths of devices"
    evidence.append(Evidence(ran, f"{len(pods)} pods on nodes, {len(takers)} with such"))
    problems += [
        f"node {each.name} has {each.gpus} GPUs and pods with {each.gpus_used}" for each in found if _over(each)
    ]
    real = {each.name for each in found if not each.simulated}
    inside = [_devices(cluster, pod) for pod in pods if pod["spec"]["nodeName"] in real and _is_running(pod)]
    problems += [problem for problem, _ in inside if problem]
    evidence += [each for _, each in inside]
    return judged(problems, evidence, not_shown=asked.excepted or _not_shown(found, pods, real))


def _not_shown(found: list[Node], pods: Sequence[Object], real: set[str]) -> str:
    if not found:
        return "no node with GPUs is there"
    if simulated := only_simulated(found, "no container runs with one, so that none was looked into"):
        return simulated
    having = any(pod["spec"]["nodeName"] in real and _gpus(pod) and _is_running(pod) for pod in pods)
    return "" if having else "no pod with GPUs runs, so that none was looked into"


def _pods(stack: Stack, cluster: Cluster) -> Iterator[Object]:
    """Of the stack, without its own node agents."""
    for name in namespaces(stack, cluster.objects):
        if name != devices_namespace(stack.platform):
            yield from cluster.objects.listed(f"/api/v1/namespaces/{name}/pods", fieldSelector=ON_A_NODE)


def _takers(pods: Sequence[Object]) -> list[str]:
    return [f"pod {_name(pod)} {why}" for pod in pods for why in _ways(pod)]


def _ways(pod: Object) -> Iterator[str]:
    """How it could reach GPUs that it was not given."""
    for volume in pod["spec"].get("volumes", []):
        path = volume.get("hostPath", {}).get("path", "")
        if path == "/" or any(path == each or path.startswith(f"{each}/") for each in _DEVICES):
            yield f"mounts {path} of its node"
    for container in [*pod["spec"]["containers"], *pod["spec"].get("initContainers", [])]:
        if (container.get("securityContext") or {}).get("privileged"):
            yield f"has the privileged container {container['name']}"


def _over(node: Node) -> bool:
    return node.gpus_used > node.gpus


def _devices(cluster: Cluster, pod: Object) -> tuple[str, Evidence]:
    metadata, given = pod["metadata"], _gpus(pod)
    listed = cluster.run_in(metadata["namespace"], metadata["name"], ["ls", "/dev"])
    seen = sum(bool(_GPU_DEVICE.fullmatch(each)) for each in listed.split())
    problem = f"pod {_name(pod)} was given {given} GPUs and sees {seen}" if seen > given else ""
    return problem, Evidence(f"ls /dev in pod {_name(pod)}", f"{seen} GPUs; {given} in its limits")


def _gpus(pod: Object) -> int:
    limits = [each.get("resources", {}).get("limits", {}) for each in pod["spec"]["containers"]]
    return sum(int(each.get(GPU, 0)) for each in limits)


def _is_running(pod: Object) -> bool:
    return bool(pod.get("status", {}).get("phase") == "Running")


def _name(pod: Object) -> str:
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


def dra_support(stack: Stack, cluster: Cluster) -> Outcome:
    """The API server serves DRA's API."""
    path = "/apis/resource.k8s.io/v1"
    served = {each["name"] for each in (cluster.objects.get(path) or {}).get("resources", [])}
    missing = sorted({"deviceclasses", "resourceclaims", "resourceclaimtemplates", "resourceslices"} - served)
    evidence = [Evidence(f"GET {path}", ", ".join(sorted(served)) or "not served")]
    slices = cluster.objects.listed(f"{path}/resourceslices") if not missing else []
    evidence.append(Evidence(f"GET {path}/resourceslices", f"{len(slices)} published by drivers"))
    drivers = (
        "" if slices else "the API is served, but no DRA driver publishes devices: GPUs are those of a device plugin"
    )
    return judged([f"the API server does not serve {each}" for each in missing], evidence, not_shown=drivers)

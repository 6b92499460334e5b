"""What each team's pods hold of CPU, memory and GPUs, and the part of it that they do not use, as recording rules.

By allocation: what a pod on a node requests is the team's, whether it is used or not. Without metrics of a pod, nothing
of it is idle.
"""

from __future__ import annotations

from infra.catalogue.alerts.alert import Recording
from infra.catalogue.metrics import TEAM_IDLE, TEAM_REQUESTS

RESOURCES = {"cpu": "cpu", "memory": "memory", "gpu": "nvidia_com_gpu"}
"""By the label `resource` of the records, that of kube-state-metrics. Cores, bytes, GPUs."""

_POD = "namespace, pod"
_RUNNING = f'and on ({_POD}) (kube_pod_status_phase{{phase=~"Pending|Running"}} == 1)'
_OF_POD = '{namespace!="",pod!="",container=""}'
"""The series of the whole pod, which include its containers."""
_USED = {
    "cpu": f"max by ({_POD}) (rate(container_cpu_usage_seconds_total{_OF_POD}[5m]))",
    "memory": f"max by ({_POD}) (container_memory_working_set_bytes{_OF_POD})",
    "gpu": f'sum by ({_POD}) (max by ({_POD}, node, gpu, UUID) (DCGM_FI_DEV_GPU_UTIL{{pod!=""}})) / 100',
}
"""By pod, in the unit of its requests."""


def _requests(resource: str) -> str:
    """Of each pod that has a node."""
    series = f'kube_pod_container_resource_requests{{resource="{RESOURCES[resource]}",node!=""}}'
    return f"(sum by ({_POD}) (max by ({_POD}, container) ({series})) {_RUNNING})"


def _recordings(resource: str) -> tuple[Recording, Recording]:
    label = (("resource", resource),)
    held = f"sum by (namespace) ({_requests(resource)})"
    idle = f"sum by (namespace) (clamp_min({_requests(resource)} - on ({_POD}) {_USED[resource]}, 0))"
    return Recording(TEAM_REQUESTS, held, label), Recording(TEAM_IDLE, f"{idle} or 0 * {held}", label)


RECORDINGS = tuple(recording for resource in RESOURCES for recording in _recordings(resource))

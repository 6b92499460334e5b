"""A node with GPUs whose kubelet is this test: its pods run until the test ends them. kwok's end at once.

It has a taint with its name, so that no other pod comes here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException

_CAPACITY = {"cpu": "64", "memory": "256Gi", "pods": "500", "ephemeral-storage": "1Ti"}
_FINISHED = ("Succeeded", "Failed")
_POLL = 0.2
_GANG, _SIZE = "jobset.sigs.k8s.io/jobset-name", "jobset.sigs.k8s.io/global-replicas"


@contextmanager
def node(api: client.ApiClient, name: str, labels: dict[str, str], gpus: int) -> Iterator[Node]:
    """For as long as the test runs."""
    found = Node(api, name)
    found.create(labels, gpus)
    thread = Thread(target=found.serve, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        found.stopped.set()
        thread.join()
        client.CoreV1Api(api).delete_node(name)


class Node:
    def __init__(self, api: client.ApiClient, name: str) -> None:
        self._core, self.name = client.CoreV1Api(api), name
        self.stopped = Event()
        self.most_gpus: dict[str, int] = {}
        """The most that pods of a namespace had at a time."""
        self.ending: set[str] = set()
        """Jobs and JobSets whose pods succeed; those of a JobSet once all of them run."""
        self._complete: set[str] = set()
        """JobSets whose pods have all run at a time."""

    def create(self, labels: dict[str, str], gpus: int) -> None:
        taint = {"key": self.name, "effect": "NoSchedule"}
        self._core.create_node({"metadata": {"name": self.name, "labels": labels}, "spec": {"taints": [taint]}})
        offered = {**_CAPACITY, "nvidia.com/gpu": str(gpus)}
        self._core.patch_node_status(self.name, {"status": {"allocatable": offered, "capacity": offered}})
        self._beat()

    def _beat(self) -> None:
        ready = {"type": "Ready", "status": "True", "reason": "Test", "message": "", "lastHeartbeatTime": _now()}
        self._core.patch_node_status(self.name, {"status": {"conditions": [ready]}})

    def serve(self) -> None:
        """As a kubelet does: pods run, succeed, and are gone when they are deleted."""
        while not self.stopped.is_set():
            self._beat()
            pods = self._core.list_pod_for_all_namespaces(field_selector=f"spec.nodeName={self.name}").items
            self._measure(pods)
            self._complete |= _complete_gangs(pods)
            for pod in pods:
                with suppress(ApiException):  # deleted or changed in the meantime
                    self._serve(pod)
            time.sleep(_POLL)

    def has_no_pods(self, namespace: str) -> bool:
        return not self.pods(namespace)

    def pods(self, namespace: str) -> list[Any]:
        """Those that run."""
        found = self._core.list_namespaced_pod(namespace, field_selector=f"spec.nodeName={self.name}").items
        return [pod for pod in found if pod.status.phase not in _FINISHED and not pod.metadata.deletion_timestamp]

    def _serve(self, pod: Any) -> None:
        name, namespace = pod.metadata.name, pod.metadata.namespace
        if pod.metadata.deletion_timestamp:
            self._core.delete_namespaced_pod(name, namespace, grace_period_seconds=0)
        elif pod.status.phase == "Pending":
            self._set(pod, "Running", {"running": {"startedAt": _now()}}, ready=True)
        elif pod.status.phase == "Running" and self._may_end(pod):
            self._set(pod, "Succeeded", {"terminated": {"exitCode": 0, "reason": "Completed"}}, ready=False)

    def _may_end(self, pod: Any) -> bool:
        labels = pod.metadata.labels or {}
        if gang := labels.get(_GANG):
            return gang in self.ending & self._complete
        return labels.get("batch.kubernetes.io/job-name") in self.ending

    def _set(self, pod: Any, phase: str, state: dict[str, Any], *, ready: bool) -> None:
        container = pod.spec.containers[0]
        status = {
            "phase": phase,
            "conditions": [{"type": "Ready", "status": str(ready)}, {"type": "ContainersReady", "status": str(ready)}],
            "containerStatuses": [
                {
                    "name": container.name,
                    "image": container.image,
                    "imageID": "",
                    "restartCount": 0,
                    "ready": ready,
                    "state": state,
                }
            ],
        }
        self._core.patch_namespaced_pod_status(pod.metadata.name, pod.metadata.namespace, {"status": status})

    def _measure(self, pods: list[Any]) -> None:
        used: dict[str, int] = {}
        for pod in pods:
            if pod.status.phase not in _FINISHED:
                gpus = int((pod.spec.containers[0].resources.requests or {}).get("nvidia.com/gpu", 0))
                used[pod.metadata.namespace] = used.get(pod.metadata.namespace, 0) + gpus
        for namespace, gpus in used.items():
            self.most_gpus[namespace] = max(self.most_gpus.get(namespace, 0), gpus)


def _complete_gangs(pods: list[Any]) -> set[str]:
    """Those whose pods all run: as torchrun's, one alone makes no progress."""
    gangs: dict[str, list[Any]] = {}
    for pod in pods:
        gang = (pod.metadata.labels or {}).get(_GANG)
        if gang and pod.status.phase == "Running" and not pod.metadata.deletion_timestamp:
            gangs.setdefault(gang, []).append(pod)
    return {gang for gang, parts in gangs.items() if len(parts) == int(parts[0].metadata.labels[_SIZE])}


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())

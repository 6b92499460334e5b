"""What the cluster and Alertmanager hold in the sample."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

DECLARED = {
    "stack": "sample",
    "namespace": "platform",
    "devices": "platform-devices",
    "teams": ["vision", "speech"],
    "endpoints": {
        "digits": {"namespace": "vision", "model": "digits"},
        "words": {"namespace": "speech", "model": "words"},
        "lost": {"namespace": "speech", "model": "lost"},
    },
    "jobs": {"digits": {"namespace": "vision", "job": "digits-33e51e39"}},
    "pools": {
        "a10g": {"labels": {"ml-platform.io/pool": "a10g"}, "simulated": True},
        "h100": {"labels": {"ml-platform.io/pool": "h100"}, "simulated": False},
    },
    "queued": True,
}
NOW = datetime.now(UTC)
Object = dict[str, Any]


def ago(**time: float) -> str:
    return (NOW - timedelta(**time)).isoformat(timespec="seconds").replace("+00:00", "Z")


def node(name: str, *, pool: str = "", ready: bool = True, gpus: int = 0) -> Object:
    simulated = {"ml-platform.io/simulated": "true"} if pool == "a10g" else {}
    labels = {"ml-platform.io/pool": pool, "nvidia.com/gpu.product": f"NVIDIA-{pool.upper()}"} if pool else {}
    return {
        "metadata": {"name": name, "labels": {**labels, **simulated}},
        "status": {
            "allocatable": {"cpu": "8", "memory": "33554432Ki", **({"nvidia.com/gpu": str(gpus)} if gpus else {})},
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
            "nodeInfo": {"kubeletVersion": "v1.34.4"},
        },
    }


def deployment(namespace: str, name: str, ready: int, wanted: int = 1) -> Object:
    return {
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"replicas": wanted, "selector": {"matchLabels": {"app.kubernetes.io/name": name}}},
        "status": {"readyReplicas": ready},
    }


def daemon(namespace: str, name: str, ready: int, wanted: int) -> Object:
    return {
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"selector": {"matchLabels": {"app.kubernetes.io/name": name}}},
        "status": {"desiredNumberScheduled": wanted, "numberReady": ready},
    }


def job(namespace: str, name: str, *, gpus: int = 0, simulated: bool = False, **status: Any) -> Object:
    labels = {"ml-platform.io/simulated": "true"} if simulated else {}
    container = {"name": "training", "resources": {"limits": {"nvidia.com/gpu": str(gpus)} if gpus else {}}}
    return {
        "metadata": {"namespace": namespace, "name": name, "uid": name, "creationTimestamp": ago(hours=1)},
        "spec": {"template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}}},
        "status": {"startTime": ago(minutes=20), **status},
    }


def workload(namespace: str, job: str, *, priority: int = 0, message: str = "", admitted: bool = False) -> Object:
    condition = {"type": "QuotaReserved", "status": str(admitted), "message": message}
    return {
        "metadata": {
            "namespace": namespace,
            "name": f"job-{job}",
            "uid": f"workload-{job}",
            "creationTimestamp": ago(hours=1),
            "ownerReferences": [{"uid": job}],
        },
        "spec": {"queueName": namespace, "priority": priority},
        "status": {"conditions": [condition]},
    }


def pod(
    namespace: str,
    name: str,
    labels: Mapping[str, str],
    phase: str,
    *,
    node: str = "",
    gpus: int = 0,
    why: str = "",
    waiting: Mapping[str, str] | None = None,
) -> Object:
    conditions = [{"type": "PodScheduled", "status": "False", "message": why}] if why else []
    states = [{"state": {"waiting": waiting}}] if waiting else []
    limits = {"nvidia.com/gpu": str(gpus)} if gpus else {}
    return {
        "metadata": {"namespace": namespace, "name": name, "labels": dict(labels)},
        "spec": {"nodeName": node, "containers": [{"resources": {"limits": limits}}]},
        "status": {"phase": phase, "conditions": conditions, "containerStatuses": states},
    }


def of_job(name: str) -> dict[str, str]:
    return {"batch.kubernetes.io/job-name": name}


NO_PLACE = "0/4 nodes are available: 4 Insufficient nvidia.com/gpu."
NOT_READY = "0/4 nodes are available: 1 node(s) were not ready."
QUOTA = 'pods "words-large-x" is forbidden: exceeded quota: team, requested: requests.memory=64Gi'
NO_ROOM = "couldn't assign flavors to pod set main: insufficient unused quota for nvidia.com/gpu"
QUEUED = job("vision", "detect-0b7d11c2", gpus=8)
QUEUED["spec"]["suspend"] = True
OBJECTS: dict[str, list[Object]] = {
    "/api/v1/nodes": [
        node("local-node"),
        node("a10g-0", pool="a10g", gpus=1),
        node("a10g-1", pool="a10g", gpus=1),
        node("h100-0", pool="h100", gpus=8, ready=False),
        {**node("elsewhere"), "metadata": {"name": "elsewhere", "labels": {"ml-platform.io/stack": "another"}}},
    ],
    "/api/v1/namespaces/vision/pods": [
        pod("vision", "digits-a", {"app.kubernetes.io/name": "digits"}, "Running", node="local-node"),
        pod("vision", "train-a", of_job("digits-gpu-d8583584"), "Running", node="a10g-1", gpus=1),
        pod("vision", "train-b", of_job("sweep-0c11ab92"), "Pending", gpus=4, why=NO_PLACE),
    ],
    "/api/v1/namespaces/speech/pods": [
        pod(
            "speech",
            "words-a",
            {"app.kubernetes.io/name": "words"},
            "Running",
            node="local-node",
            waiting={"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container"},
        )
    ],
    "/apis/apps/v1/namespaces/vision/deployments": [deployment("vision", "digits", 2, 2)],
    "/apis/apps/v1/namespaces/speech/deployments": [deployment("speech", "words", 1, 2)],
    "/apis/apps/v1/namespaces/platform/deployments": [
        deployment("platform", name, 1) for name in ("tracking", "prometheus", "alertmanager", "status")
    ],
    "/apis/apps/v1/namespaces/platform/daemonsets": [daemon("platform", "node-exporter", 1, 1)],
    "/apis/apps/v1/namespaces/platform-devices/daemonsets": [daemon("platform-devices", "dcgm-exporter-h100", 0, 1)],
    "/api/v1/namespaces/platform-devices/pods": [
        pod("platform-devices", "dcgm-a", {"app.kubernetes.io/name": "dcgm-exporter-h100"}, "Pending", why=NOT_READY)
    ],
    "/apis/batch/v1/namespaces/vision/jobs": [
        job(
            "vision",
            "digits-33e51e39",
            completionTime=ago(minutes=12),
            conditions=[{"type": "Complete", "status": "True"}],
        ),
        job("vision", "digits-gpu-d8583584", gpus=1, simulated=True),
        job("vision", "sweep-0c11ab92", gpus=4),
        QUEUED,
    ],
    "/apis/kueue.x-k8s.io/v1beta2/namespaces/vision/workloads": [
        workload("vision", "detect-0b7d11c2", message=NO_ROOM),
        workload("vision", "first-55aa00bb", priority=10, message=NO_ROOM),
        workload("vision", "sweep-0c11ab92", admitted=True),
    ],
    "/apis/batch/v1/namespaces/speech/jobs": [
        job(
            "speech",
            "words-5d7f",
            conditions=[
                {
                    "type": "Failed",
                    "status": "True",
                    "reason": "BackoffLimitExceeded",
                    "message": "Job has reached the specified backoff limit",
                    "lastTransitionTime": ago(minutes=3),
                }
            ],
        ),
        job("speech", "words-large-91aa"),
    ],
    "/api/v1/namespaces/speech/events": [
        {
            "metadata": {"namespace": "speech"},
            "involvedObject": {"kind": "Job", "name": "words-large-91aa"},
            "message": f"Error creating: {QUOTA}",
            "lastTimestamp": ago(minutes=1),
        }
    ],
}
ALERTS = [
    {
        "labels": {"alertname": "Watchdog", "severity": "none", "team": "platform"},
        "annotations": {"summary": "always there"},
        "startsAt": ago(hours=9),
    },
    {
        "labels": {"alertname": "ServingFailing", "severity": "critical", "team": "speech"},
        "annotations": {
            "summary": "endpoint words fails 12.5% of its requests",
            "runbook_url": "https://runbooks.example/ServingFailing.md",
        },
        "startsAt": ago(minutes=14),
    },
    {
        "labels": {"alertname": "GpuJobPending", "severity": "warning", "team": "vision"},
        "annotations": {
            "summary": "pod train-b is pending and requests 4 GPUs: no node has that many GPUs free",
            "runbook_url": "https://runbooks.example/GpuJobPending.md",
        },
        "startsAt": ago(minutes=31),
    },
]

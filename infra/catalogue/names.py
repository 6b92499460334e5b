"""Names and labels that several packages share."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from infra.catalogue.images import GATEWAY, GRAFANA, LOGS, OBJECT_STORE, REGISTRY, STATUS, TRACKING

PROJECT = "ml-platform"
"""The prefix of every image and component type."""

DOMAIN = "ml-platform.io"
"""The prefix of our labels, annotations and taints."""
PLATFORM = "platform"
"""The owner of everything that belongs to no team."""

ADMINISTRATOR = "admin"
"""The tracking server's administrator; teams log in by their names."""

PULL_SECRET, TRACKING_SECRET, RECEIVERS = REGISTRY, "tracking-credentials", "receivers"
DATASET_SECRET, LOGS_SECRET = "dataset-credentials", "logs-credentials"
"""Kubernetes Secrets: logins of each namespace to the registry, the tracking server, the object store and the log
store, and the values of alert receivers."""
RESERVED_SECRETS = frozenset(
    {
        PLATFORM,
        TRACKING,
        STATUS,
        GRAFANA,
        LOGS,
        GATEWAY,
        PULL_SECRET,
        TRACKING_SECRET,
        DATASET_SECRET,
        LOGS_SECRET,
        RECEIVERS,
    }
)
"""Not allowed for declared secrets: the stack's own setting, passwords that `make rotate` knows, and the above."""

METRICS_PORT_NAME = "metrics"
"""The name of the container port that Prometheus scrapes."""
CHECKPOINT = "checkpoint"
"""The component label of volumes on which training runs save what they need to resume."""
GPU_CHECK = "gpu-check"
"""The component label of the Jobs that check GPUs."""
MONITORING = "monitoring"
"""The component label of everything that observes the platform."""

LOCAL_CONTEXT = PROJECT
"""Kube context of the local cluster that `make up` starts. `offline` defines it, too."""
LOCAL_POD_LOGS = "/var/log/ml-platform-pods"
"""A link to the folder in which the local cluster's node keeps the logs of pods. `offline` defines it, too."""

SIMULATED_LABEL = f"{DOMAIN}/simulated"
POOL_LABEL = f"{DOMAIN}/pool"
STACK_LABEL = f"{DOMAIN}/stack"
"""On nodes: the stack that made them."""
PLATFORM_LABEL = f"{DOMAIN}/platform"
"""On namespaces: that of the platform which they belong to. Two stacks in one cluster may have the same name."""
TEAM_LABEL = f"{DOMAIN}/team"
STOPPED_ANNOTATION = f"{DOMAIN}/stopped"
"""On a Workload of Kueue: why the platform has stopped the run. images/controllers writes it."""
PROXY = "envoy"
"""The Deployment and the Service of the gateway's proxies."""
STABLE, CANARY = "stable", "canary"
"""The releases of an endpoint, in the order in which its route has them."""
RELEASE_HEADER = "X-Release"
"""Which of them a request through the gateway is for."""
SCALED_ANNOTATION = f"{DOMAIN}/scaled"
"""On the Deployment of an endpoint whose number of pods is a range. images/controllers knows it."""
CANARY_ANNOTATION, ROLLBACK_WINDOW_ANNOTATION = f"{DOMAIN}/canary", f"{DOMAIN}/rollback-window"
"""On a route: which canary it has, and the seconds over which this is compared. images/controllers reads the latter."""
PART_LABEL = f"{DOMAIN}/part"
"""On a stack's volumes and containers in a Docker engine."""
JOB_LABEL = "batch.kubernetes.io/job-name"
"""Kubernetes' label of a Job's pods."""
QUEUE_LABEL, QUEUE_PRIORITY_LABEL = "kueue.x-k8s.io/queue-name", "kueue.x-k8s.io/priority-class"
"""Kueue's labels of Jobs: the LocalQueue they wait in, and the WorkloadPriorityClass they wait with."""


NEVER = "0 0 1 1 *"
"""The schedule of a CronJob that is suspended because it runs on demand only."""


def devices_namespace(platform: str) -> str:
    """The namespace of privileged node agents, such as device plugins and GPU exporters."""
    return f"{platform}-devices"


def logs_namespace(platform: str) -> str:
    """The namespace of the log store, its collector on each node and its proxy."""
    return f"{platform}-logs"


def queues_namespace(platform: str) -> str:
    """The namespace of the controller of queues: it reads all Secrets of its own namespace."""
    return f"{platform}-queues"


def gateway_namespace(platform: str) -> str:
    """The namespace of the gateway and its proxies: their controller reads all Secrets there."""
    return f"{platform}-gateway"


def local_registry(platform: str) -> str:
    """The registry's container on the local foundation, and the value of its part label."""
    return f"{platform}-{REGISTRY}"


def local_object_store(platform: str) -> str:
    """The object store's container on the local foundation, and the value of its part label."""
    return f"{platform}-{OBJECT_STORE}"


def image_context(name: str, declared: str | None = None) -> str:
    """An image's build context, relative to the project."""
    return declared or f"images/{name}"


def labels(name: str, component: str, **more: str) -> dict[str, str]:
    """Kubernetes' recommended labels."""
    return {
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/part-of": PROJECT,
        **more,
    }


def selector(name: str, component: str) -> dict[str, str]:
    """Labels for selectors, which are immutable in a Deployment."""
    return {"app.kubernetes.io/name": name, "app.kubernetes.io/component": component}


def fingerprint(value: object, length: int = 8) -> str:
    """A short hash: equal values have equal fingerprints."""
    text = json.dumps(_plain(value), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def _plain(value: object) -> object:
    """Pulumi's argument classes as plain data."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return {key: _plain(item) for key, item in vars(value).items()}

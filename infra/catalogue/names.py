"""Names and labels that several parts must agree on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

PROJECT = "ml-platform"
"""The prefix of every image and component type."""

DOMAIN = "ml-platform.io"
"""The prefix of our labels, annotations and taints."""
PLATFORM = "platform"
"""Who answers for what belongs to no team."""

BASE, TRACKING, REGISTRY, STATUS = "base", "tracking", "registry", "status"
GRAFANA, DASHBOARDS = "grafana", "dashboards"
RECEIVERS = "receivers"
NVIDIA_DEVICE_PLUGIN = "nvidia-device-plugin"
ADMINISTRATOR = "admin"
"""Who may do everything on the tracking server; teams log in to it by their names."""
RESERVED_SECRETS = frozenset({"platform", REGISTRY, TRACKING, STATUS, GRAFANA, RECEIVERS, "tracking-credentials"})
"""The stack's own setting, what `make rotate` knows besides declared secrets, and Secrets of every namespace."""
OWN_IMAGES = frozenset({BASE, TRACKING, REGISTRY, STATUS, GRAFANA, DASHBOARDS, NVIDIA_DEVICE_PLUGIN})
"""Images of the platform itself; declared ones can't have these names."""

METRICS_PORT_NAME = "metrics"
"""The name of the container port that Prometheus scrapes."""
MONITORING = "monitoring"
"""The component label of everything that observes the platform."""

SIMULATED_LABEL = f"{DOMAIN}/simulated"
POOL_LABEL = f"{DOMAIN}/pool"
STACK_LABEL = f"{DOMAIN}/stack"
TEAM_LABEL = f"{DOMAIN}/team"
PART_LABEL = f"{DOMAIN}/part"
"""Marks what a stack has in a Docker engine."""


def devices_namespace(platform: str) -> str:
    """Where programs run that see devices of their node, beside the platform's own namespace."""
    return f"{platform}-devices"


def image_context(name: str, declared: str | None = None) -> str:
    """The folder that an image is built from, relative to the project."""
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
    """The part of the labels that never changes, because a Deployment's selector can't."""
    return {"app.kubernetes.io/name": name, "app.kubernetes.io/component": component}


def fingerprint(value: object, length: int = 8) -> str:
    """A short name for a content: equal contents, equal fingerprints."""
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

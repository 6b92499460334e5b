"""Manifests for the examples of pod rules: one pod that complies with all rules, and changes to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Manifest = Mapping[str, Any]

IMAGE = f"127.0.0.1:5000/ml-platform/serving@sha256:{'0' * 64}"
AMOUNTS = {"cpu": "100m", "memory": "64Mi"}
PORTS = [{"containerPort": 8080}]
PROBE = {"httpGet": {"path": "/", "port": 8080}}
_GPUS = {**AMOUNTS, "nvidia.com/gpu": "1"}
GPU = {"resources": {"requests": _GPUS, "limits": _GPUS}}
GPU_TOLERATION = {"tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}]}
_CONFINED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def pod(changes: Manifest | None = None, spec: Manifest | None = None) -> Manifest:
    """A compliant pod, with changes to its container and its spec. It is schedulable on no node."""
    return {"apiVersion": "v1", "kind": "Pod", "spec": _spec(changes or {}, spec or {})}


def deployment(changes: Manifest) -> Manifest:
    """A Deployment of a compliant pod, with changes to its container."""
    labels = {"app": "server"}
    template = {"metadata": {"labels": labels}, "spec": _spec(changes, {})}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }


def container(**changes: Any) -> Manifest:
    """A compliant container with changes."""
    main = {"name": "main", "image": IMAGE, "resources": {"requests": AMOUNTS, "limits": AMOUNTS}, **changes}
    context = changes.get("securityContext", {})
    return {**main, "securityContext": {**_CONFINED, **context} if isinstance(context, Mapping) else context}


def security_context(**settings: Any) -> Manifest:
    """The pod with changes to its container's security context."""
    return pod({"securityContext": settings})


def volume(**source: Any) -> Manifest:
    """The pod with a volume."""
    return pod(spec={"volumes": [{"name": "data", **source}]})


def env(name: str, value: str) -> Manifest:
    """The pod with an environment variable."""
    return pod({"env": [{"name": name, "value": value}]})


def _spec(changes: Manifest, spec: Manifest) -> Manifest:
    return {
        "containers": [container(**changes)],
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532},
        "nodeSelector": {"kubernetes.io/hostname": "nowhere"},
        **spec,
    }

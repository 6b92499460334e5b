"""Namespaces in which a rule is not kept, each with the reason. There are none for single pods: whoever makes a pod
chooses its name and labels, and can't choose what its namespace is allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from infra.catalogue.names import devices_namespace
from infra.catalogue.pod_rules import (
    CAPABILITIES,
    ESCALATION,
    HOST_NAMESPACES,
    HOST_PATHS,
    HOST_PORTS,
    PRIVILEGED,
    ROOT,
    SECCOMP,
    VOLUMES,
)

Exceptions = Mapping[str, Mapping[str, str]]
"""By rule, by namespace, the reason."""

POD_SECURITY = "namespaces-with-pod-security"
"""The pack's rule about namespaces themselves."""

_DEVICES = "device plugins and exporters of GPUs use the kubelet's own folders, which are root's"
_BEYOND_BASELINE = (PRIVILEGED, HOST_NAMESPACES, HOST_PATHS, HOST_PORTS, CAPABILITIES)
"""Pod Security knows levels only: whoever needs one of these is under none of them, and under all other rules still."""
_BEYOND_RESTRICTED = (VOLUMES, ESCALATION, SECCOMP, ROOT)


def exceptions(platform: str, declared: Exceptions) -> Exceptions:
    """The declared ones, and those that the platform's own parts need; `platform` is its namespace."""
    devices = {devices_namespace(platform): _DEVICES}
    own = {HOST_PATHS.name: devices, ROOT.name: devices}
    found = {rule: {**own.get(rule, {}), **declared.get(rule, {})} for rule in {**own, **declared}}
    return {**found, POD_SECURITY: {k: why for rule in _BEYOND_BASELINE for k, why in found.get(rule.name, {}).items()}}


def pod_security(namespace: str, excepted: Exceptions) -> Literal["restricted", "baseline", "privileged"]:
    """The strictest level of Pod Security at which a namespace's exceptions mean anything."""
    if namespace in excepted.get(POD_SECURITY, {}):
        return "privileged"
    less = any(namespace in excepted.get(rule.name, {}) for rule in _BEYOND_RESTRICTED)
    return "baseline" if less else "restricted"

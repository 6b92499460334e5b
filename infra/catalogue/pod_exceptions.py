"""Exceptions from rules, per namespace and with a reason.

There are none per pod: the author of a pod chooses its name and labels, but not its namespace's exceptions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from infra.catalogue.names import devices_namespace, logs_namespace
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
"""The reason, by rule and namespace."""

POD_SECURITY = "namespaces-with-pod-security"
"""The policy about namespaces."""

_DEVICES = "device plugins and exporters of GPUs use the kubelet's own folders, which are root's"
_LOGS = "the log collector reads the folder in which the kubelet keeps the logs of pods, which is root's"
_BEYOND_BASELINE = (PRIVILEGED, HOST_NAMESPACES, HOST_PATHS, HOST_PORTS, CAPABILITIES)
"""Exceptions from these need Pod Security's level `privileged`; all other rules still apply."""
_BEYOND_RESTRICTED = (VOLUMES, ESCALATION, SECCOMP, ROOT)


def exceptions(platform: str, declared: Exceptions) -> Exceptions:
    """The declared exceptions, and those of the platform's own components; `platform` is its namespace."""
    agents = {devices_namespace(platform): _DEVICES, logs_namespace(platform): _LOGS}
    own = {HOST_PATHS.name: agents, ROOT.name: agents}
    found = {rule: {**own.get(rule, {}), **declared.get(rule, {})} for rule in {**own, **declared}}
    return {**found, POD_SECURITY: {k: why for rule in _BEYOND_BASELINE for k, why in found.get(rule.name, {}).items()}}


def pod_security(namespace: str, excepted: Exceptions) -> Literal["restricted", "baseline", "privileged"]:
    """The strictest Pod Security level that allows a namespace's exceptions."""
    if namespace in excepted.get(POD_SECURITY, {}):
        return "privileged"
    less = any(namespace in excepted.get(rule.name, {}) for rule in _BEYOND_RESTRICTED)
    return "baseline" if less else "restricted"

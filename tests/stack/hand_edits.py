"""What somebody does to a stack's objects with kubectl during an incident, and how the next `up` names it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable

from common import paths
from offline import go_tools
from tests.stack.conftest import TEAM

SYSTEM = "trial-platform"
_ENV = (
    '{"spec":{"template":{"spec":{"containers":[{"name":"serving","env":[{"name":"MODEL_NAME","value":"other"}]}]}}}}'
)

EDITS: dict[str, tuple[str, ...]] = {
    f"Deployment {TEAM}/digits: spec.replicas": ("-n", TEAM, "scale", "deployment", "digits", "--replicas=1"),
    f"Deployment {TEAM}/digits: env[MODEL_NAME].value": ("-n", TEAM, "patch", "deployment", "digits", "-p", _ENV),
    f"Deployment {TEAM}/digits: env[EXTRA]": ("-n", TEAM, "set", "env", "deployment/digits", "EXTRA=1"),
    f"Deployment {TEAM}/digits: env[MODEL_URI]": ("-n", TEAM, "set", "env", "deployment/digits", "MODEL_URI-"),
    f"Deployment {TEAM}/digits: metadata.annotations.note": ("-n", TEAM, "annotate", "deployment", "digits", "note=x"),
    f"Deployment {TEAM}/digits: resources.limits.memory": (
        *("-n", TEAM, "set", "resources", "deployment", "digits", "--limits=memory=800Mi"),
    ),
    f"Deployment {SYSTEM}/kube-state-metrics: deleted": ("-n", SYSTEM, "delete", "deployment", "kube-state-metrics"),
    f"Service {TEAM}/digits: metadata.labels.a": ("-n", TEAM, "label", "service", "digits", "a=b"),
    f"Service {SYSTEM}/status: spec.ports": (
        *("-n", SYSTEM, "patch", "service", "status", "--type=json"),
        *("-p", '[{"op": "replace", "path": "/spec/ports/0/port", "value": 9999}]'),
    ),
    f"ServiceAccount {TEAM}/serving-digits: automountServiceAccountToken": (
        *("-n", TEAM, "patch", "serviceaccount", "serving-digits", "-p", '{"automountServiceAccountToken": true}'),
    ),
    f"ConfigMap {SYSTEM}/prometheus: data.more": (
        *("-n", SYSTEM, "patch", "configmap", "prometheus", "-p", '{"data": {"more": "x"}}'),
    ),
    f"Secret {TEAM}/tracking-credentials: data.credentials": (
        *("-n", TEAM, "patch", "secret", "tracking-credentials", "-p", '{"data": {"credentials": "eA=="}}'),
    ),
    f"NetworkPolicy {TEAM}/default-deny: deleted": ("-n", TEAM, "delete", "networkpolicy", "default-deny"),
    f"NetworkPolicy {TEAM}/tracking: spec.egress": (
        *("-n", TEAM, "patch", "networkpolicy", "tracking", "--type=merge", "-p", '{"spec": {"egress": [{}]}}'),
    ),
    f"RoleBinding {SYSTEM}/trial-platform-prometheus: subjects": (
        *("-n", SYSTEM, "patch", "rolebinding", "trial-platform-prometheus", "--type=merge"),
        *("-p", '{"subjects": []}'),
    ),
    f"Namespace {TEAM}: enforce": (
        *("label", "namespace", TEAM, "pod-security.kubernetes.io/enforce=privileged", "--overwrite"),
    ),
    f"ResourceQuota {TEAM}/team: spec.hard": (
        *("-n", TEAM, "patch", "resourcequota", "team", "-p", '{"spec": {"hard": {"requests.cpu": "900"}}}'),
    ),
    f"LimitRange {TEAM}/team: deleted": ("-n", TEAM, "delete", "limitrange", "team"),
    "PriorityClass trial-platform-training: description": (
        *("patch", "priorityclass", "trial-platform-training", "-p", '{"description": "mine"}'),
    ),
    f"PodDisruptionBudget {TEAM}/digits: spec.maxUnavailable": (
        *("-n", TEAM, "patch", "poddisruptionbudget", "digits", "-p", '{"spec": {"maxUnavailable": 2}}'),
    ),
}
"""The command by how the edit is named: the object, and a part of the path."""


def kubectl(*arguments: str) -> None:
    """As the cluster's administrator."""
    command = [str(go_tools.KUBERNETES.program("kubectl")), "--kubeconfig", str(paths.KUBECONFIG), *arguments]
    subprocess.run(command, check=True, capture_output=True, cwd=paths.STATE, timeout=60)


def unnamed(named: Iterable[str]) -> list[str]:
    """Those of `EDITS` that none of the lines names."""
    lines = list(named)
    return [
        edit
        for edit in EDITS
        for object_, _, part in [edit.partition(": ")]
        if not any(line.startswith(f"{object_}: ") and part in line for line in lines)
    ]

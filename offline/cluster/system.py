"""System objects of the cluster: RBAC of its components, the StorageClass, the metrics API."""

from typing import Any

import yaml

from common import paths, run
from offline import go_tools
from offline.cluster import metrics
from offline.cluster.addresses import NODE_IP, NODE_NAME, PROVISIONER, STORAGE_CLASS

RBAC = "rbac.authorization.k8s.io"
READ = ["get", "list", "watch"]
DISCOVERY = ("discovery.k8s.io", ["endpointslices"], READ)
POLICIES = ("networking.k8s.io", ["networkpolicies"], READ)


def apply() -> None:
    """Apply all objects."""
    objects = [
        _role("ml-platform:coredns", [("", ["endpoints", "services", "pods", "namespaces"], READ), DISCOVERY]),
        _binding("ml-platform:coredns", "ClusterRole", "ml-platform:coredns", "system:coredns"),
        _role("ml-platform:metrics-server", [("", ["nodes/metrics"], ["get"]), ("", ["pods", "nodes"], READ)]),
        _binding("ml-platform:metrics-server", "ClusterRole", "ml-platform:metrics-server", "system:metrics-server"),
        _binding("ml-platform:metrics-auth", "ClusterRole", "system:auth-delegator", "system:metrics-server"),
        _role(
            "ml-platform:kube-router",
            [("", ["endpoints", "services", "pods", "namespaces", "nodes"], READ), DISCOVERY, POLICIES],
        ),
        _binding("ml-platform:kube-router", "ClusterRole", "ml-platform:kube-router", "system:kube-router"),
        _metrics_configuration_reader(),
        _storage_class(),
        *_metrics_api(),
    ]
    kubectl = [str(go_tools.KUBERNETES.program("kubectl")), "--kubeconfig", str(paths.KUBECONFIG)]
    arguments = ["apply", "--server-side", "--field-manager=ml-platform-local", "-f", "-"]
    run.output([*kubectl, *arguments], stdin=yaml.safe_dump_all(objects))


def _role(name: str, rules: list[tuple[str, list[str], list[str]]]) -> dict[str, Any]:
    entries = [{"apiGroups": [group], "resources": resources, "verbs": verbs} for group, resources, verbs in rules]
    return {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": entries}


def _binding(name: str, kind: str, role: str, user: str) -> dict[str, Any]:
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": RBAC, "kind": kind, "name": role},
        "subjects": [{"apiGroup": RBAC, "kind": "User", "name": user}],
    }


def _metrics_configuration_reader() -> dict[str, Any]:
    """Lets metrics-server read the authentication configuration of aggregated APIs."""
    binding = _binding(
        "ml-platform:metrics-server", "Role", "extension-apiserver-authentication-reader", "system:metrics-server"
    )
    return {
        **binding,
        "kind": "RoleBinding",
        "metadata": {"name": binding["metadata"]["name"], "namespace": "kube-system"},
    }


def _storage_class() -> dict[str, Any]:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": STORAGE_CLASS, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": PROVISIONER,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "WaitForFirstConsumer",
    }


def _metrics_api() -> list[dict[str, Any]]:
    """The metrics API, served by metrics-server on the node's address."""
    name, port = "metrics-server", {"name": "https", "port": 443, "targetPort": metrics.PORT, "protocol": "TCP"}
    meta = {"name": name, "namespace": "kube-system"}
    slice_meta = {**meta, "labels": {"kubernetes.io/service-name": name}}
    return [
        {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": [port]}},
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": slice_meta,
            "addressType": "IPv4",
            "ports": [{"name": "https", "port": metrics.PORT, "protocol": "TCP"}],
            "endpoints": [{"addresses": [NODE_IP], "conditions": {"ready": True}, "nodeName": NODE_NAME}],
        },
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": "v1beta1.metrics.k8s.io"},
            "spec": {
                "group": "metrics.k8s.io",
                "version": "v1beta1",
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
                "insecureSkipTLSVerify": True,
                "service": {"name": name, "namespace": "kube-system"},
            },
        },
    ]

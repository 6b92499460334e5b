"""Which changes of a Kubernetes object the official provider makes by replacing it.

The rules are those of the provider's source: `forceNew` in its pkg/provider/diff.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from offline.plugins.diff import changed_paths, touched

_IDENTITY = ("metadata.name", "metadata.namespace")


def _fields(prefix: str, names: str) -> tuple[str, ...]:
    return tuple(f"{prefix}.{name}" for name in names.split())


_POD = (
    "affinity automountServiceAccountToken containers dnsConfig dnsPolicy enableServiceLinks hostAliases hostIPC "
    "hostNetwork hostPID hostname imagePullSecrets initContainers nodeName nodeSelector overhead preemptionPolicy "
    "priority priorityClassName readinessGates restartPolicy runtimeClassName schedulerName securityContext "
    "serviceAccount serviceAccountName shareProcessNamespace subdomain terminationGracePeriodSeconds volumes"
)
_VOLUME_SOURCES = (
    "awsElasticBlockStore azureDisk azureFile cephfs cinder csi fc flexVolume flocker gcePersistentDisk glusterfs "
    "hostPath iscsi local nfs photonPersistentDisk portworxVolume quobyte rbd scaleIO storageos vsphereVolume"
)

IMMUTABLE: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("", "PersistentVolume"): _fields("spec", _VOLUME_SOURCES),
    ("", "PersistentVolumeClaim"): _fields("spec", "accessModes selector storageClassName volumeName"),
    ("", "Pod"): _fields("spec", _POD),
    ("", "ResourceQuota"): ("spec.scopes",),
    ("", "Secret"): ("type",),
    ("", "Service"): ("spec.clusterIP",),
    ("apps", "DaemonSet"): ("spec.selector",),
    ("apps", "Deployment"): ("spec.selector",),
    ("apps", "StatefulSet"): _fields(
        "spec", "podManagementPolicy revisionHistoryLimit selector serviceName volumeClaimTemplates"
    ),
    ("batch", "Job"): _fields("spec", "completions parallelism selector template"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): ("roleRef",),
    ("rbac.authorization.k8s.io", "RoleBinding"): ("roleRef",),
    ("storage.k8s.io", "StorageClass"): ("parameters", "provisioner"),
}
"""By API group and kind. The data of ConfigMaps and Secrets depends on the provider's options."""


def replaces(settings: Mapping[str, Any], old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether a provider with these settings replaces the object."""
    return bool(touched(changed_paths(old, new), [*_IDENTITY, *_immutable(settings, new)]))


def replaces_provider(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether the provider itself means another cluster. A plan without a cluster has no kubeconfig to read it from."""
    before, after = old.get("clusterIdentifier"), new.get("clusterIdentifier")
    return bool(before and after and before != after)


def _immutable(settings: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    group = str(new.get("apiVersion", "")).rpartition("/")[0]
    kind = str(new.get("kind", ""))
    frozen = new.get("immutable") is True
    if (group, kind) == ("", "Secret") and (frozen or not _on(settings, "enableSecretMutable")):
        return ("type", "stringData", "data")
    if (group, kind) == ("", "ConfigMap") and (frozen or not _on(settings, "enableConfigMapMutable")):
        return ("binaryData", "data")
    return IMMUTABLE.get((group, kind), ())


def _on(settings: Mapping[str, Any], key: str) -> bool:
    return str(settings.get(key)).lower() == "true"  # the engine writes provider inputs as JSON texts

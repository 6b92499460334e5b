"""What is known about Kubernetes kinds without asking a cluster: previews must work when there is none."""

from __future__ import annotations

from typing import NamedTuple


class GVK(NamedTuple):
    """Group, version and kind: what a Pulumi type token such as `kubernetes:apps/v1:Deployment` names."""

    group: str
    version: str
    kind: str

    @property
    def api_version(self) -> str:
        """As manifests write it; the core group has no prefix."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def built_in(self) -> bool:
        """Whether Kubernetes itself defines the kind; everything else is a custom resource."""
        return self.group in BUILT_IN_GROUPS

    @classmethod
    def of(cls, manifest: dict[str, object]) -> GVK:
        """The kind that a manifest claims to be."""
        group, _, version = str(manifest.get("apiVersion", "")).rpartition("/")
        return cls("" if group == "core" else group, version, str(manifest.get("kind", "")))

    @classmethod
    def from_urn(cls, urn: str) -> GVK:
        """The kind that a resource's type token names; parent types before `$` don't matter."""
        token = urn.split("::")[2].rpartition("$")[2]
        _, module, kind = token.split(":")
        group, _, version = module.partition("/")
        return cls("" if group == "core" else group, version, kind)


BUILT_IN_GROUPS = frozenset(
    {
        "",
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "apps",
        "authentication.k8s.io",
        "authorization.k8s.io",
        "autoscaling",
        "batch",
        "certificates.k8s.io",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "events.k8s.io",
        "extensions",
        "flowcontrol.apiserver.k8s.io",
        "networking.k8s.io",
        "node.k8s.io",
        "policy",
        "rbac.authorization.k8s.io",
        "resource.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
        "storagemigration.k8s.io",
    }
)

CLUSTER_SCOPED = frozenset(
    {
        "APIService",
        "CSIDriver",
        "CSINode",
        "CertificateSigningRequest",
        "ClusterRole",
        "ClusterRoleBinding",
        "ClusterTrustBundle",
        "ComponentStatus",
        "CustomResourceDefinition",
        "DeviceClass",
        "FlowSchema",
        "IPAddress",
        "IngressClass",
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
        "MutatingWebhookConfiguration",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PriorityClass",
        "PriorityLevelConfiguration",
        "ResourceSlice",
        "RuntimeClass",
        "SelfSubjectAccessReview",
        "SelfSubjectReview",
        "SelfSubjectRulesReview",
        "ServiceCIDR",
        "StorageClass",
        "StorageVersion",
        "StorageVersionMigration",
        "SubjectAccessReview",
        "TokenReview",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
        "VolumeAttachment",
        "VolumeAttributesClass",
    }
)

_VOLUME_SOURCES = (
    "awsElasticBlockStore azureDisk azureFile cephfs cinder csi fc flexVolume flocker gcePersistentDisk glusterfs "
    "hostPath iscsi local nfs photonPersistentDisk portworxVolume quobyte rbd scaleIO storageos vsphereVolume"
)
_POD_FIELDS = (
    "affinity automountServiceAccountToken dnsConfig dnsPolicy enableServiceLinks hostAliases hostIPC hostNetwork "
    "hostPID hostname imagePullSecrets nodeName nodeSelector overhead preemptionPolicy priority priorityClassName "
    "readinessGates restartPolicy runtimeClassName schedulerName securityContext serviceAccount serviceAccountName "
    "shareProcessNamespace subdomain terminationGracePeriodSeconds volumes"
)
_CONTAINER_FIELDS = (
    "args command env image imagePullPolicy lifecycle livenessProbe ports readinessProbe resources securityContext "
    "stdin stdinOnce terminationMessagePath terminationMessagePolicy tty volumeDevices volumeMounts workingDir"
)


def _fields(prefix: str, names: str) -> tuple[str, ...]:
    return tuple(f"{prefix}.{name}" for name in names.split())


# Fields that the API refuses to change: a new value means a new object. `[*]` stands for every element of a list.
IMMUTABLE: dict[tuple[str, str], tuple[str, ...]] = {
    ("", "PersistentVolume"): _fields("spec", _VOLUME_SOURCES),
    ("", "PersistentVolumeClaim"): _fields("spec", "accessModes selector storageClassName volumeName"),
    ("", "Pod"): (
        *_fields("spec", _POD_FIELDS),
        *_fields("spec.containers[*]", _CONTAINER_FIELDS),
        *_fields("spec.initContainers[*]", _CONTAINER_FIELDS),
    ),
    ("", "ResourceQuota"): ("spec.scopes",),
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

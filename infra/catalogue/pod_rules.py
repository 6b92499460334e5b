"""The rules about pods: one table for the policy pack and for the cluster's admission policies.

A rule is written in CEL, as in a ValidatingAdmissionPolicy. `each` selects parts of a pod, `holds` is a condition on
one part (`it`). Values that are unknown at preview can't be compared, and a rule that depends on one has no result:
expressions therefore use functions such as `matches` rather than `==`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from infra.catalogue.pod_manifests import (
    AMOUNTS,
    GPU,
    GPU_TOLERATION,
    PORTS,
    PROBE,
    Manifest,
    deployment,
    env,
    pod,
    security_context,
    volume,
)
from infra.catalogue.secret_patterns import NAMES, VALUES, WORDS

_DIGEST = r"[^/@]+@sha256:[0-9a-f]{64}"
"""Directly under the registry's prefix: pull-through caches of other registries are deeper."""

SERVERS: Mapping[str, str] = {"Deployment": "apps", "StatefulSet": "apps"}
"""Kinds whose pods serve requests, with their API group."""

KINDS: Mapping[str, str] = {"Pod": "", "DaemonSet": "apps", "Job": "batch", "CronJob": "batch", **SERVERS}
"""Every kind with a pod template: a violation is reported when it is applied, not by pods that never start."""

VARIABLES: Mapping[str, str] = {
    "spec": (
        "object.kind == 'Pod' ? dyn(object).spec : "
        "object.kind == 'CronJob' ? dyn(object).spec.jobTemplate.spec.template.spec : dyn(object).spec.template.spec"
    ),
    "running": "variables.spec.containers + variables.spec.?initContainers.orValue([])",
    "containers": "variables.running + variables.spec.?ephemeralContainers.orValue([])",
}
"""CEL variables; each may use those before it. `registry` is added by the policy pack and by the admission policies."""


@dataclass(frozen=True)
class PodRule:
    """Parts for which `holds` is false are reported by `message`, with the name that `named` evaluates to."""

    name: str
    reason: str
    message: str
    fix: str
    each: str
    holds: str
    violates: Manifest = field(compare=False)
    complies: Manifest = field(compare=False)
    """Two examples that differ as little as possible."""
    named: str = "it.name"
    servers: bool = False
    """Whether it applies only to pods that serve requests."""

    @property
    def kinds(self) -> Mapping[str, str]:
        return SERVERS if self.servers else KINDS

    @property
    def offenders(self) -> str:
        """CEL for the names of the violating parts."""
        return f"({self.each}).filter(it, !({self.holds})).map(it, {self.named})"


_LIMITED = "it.?resources.?limits.orValue({}).exists(amount, amount.startsWith('nvidia.com/'))"
_REQUESTED = "it.?resources.?requests.orValue({}).exists(amount, amount.startsWith('nvidia.com/'))"
_TAKEN_BY_ENVIRONMENT = (
    "(it.?env.orValue([]).exists(entry, entry.name == 'NVIDIA_VISIBLE_DEVICES' && "
    "(has(entry.valueFrom) || !entry.?value.orValue('').matches('^(none|void)?$'))) || "
    "it.?envFrom.orValue([]).exists(source, 'NVIDIA_VISIBLE_DEVICES'.startsWith(source.?prefix.orValue(''))))"
)
"""GPUs requested from the container runtime by a variable. A value from a reference is not visible here."""
_TOLERATED = (
    "variables.spec.?tolerations.orValue([])"
    ".exists(toleration, toleration.?key.orValue('nvidia.com/gpu').matches('^nvidia[.]com/gpu$'))"
)
_SECRET_NAME = f"(entry.name.matches(r'{NAMES}') && !entry.name.matches(r'{WORDS}'))"
_REFERENCE = "entry.?value.orValue('').matches('^($|/|arn:)')"
"""A path or an ARN refers to a secret, it is none."""
_SECRET_VALUE = f"entry.?value.orValue('').matches(r'{'|'.join(VALUES.values())}')"
_HARMLESS = (
    f"!has(entry.?valueFrom.orValue({{}}).secretKeyRef) && (!{_SECRET_NAME} || {_REFERENCE}) && !{_SECRET_VALUE}"
)

_VOLUMES = ("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret")
"""Volume types of Pod Security's level `restricted`."""
_CHECKED_BY_OTHER_RULES = ("hostPath", "image")

IMAGES = PodRule(
    name="images-by-digest",
    reason="Pods run images of the private registry, by digest.",
    message="not an image of the private registry by digest",
    fix="declare it under 'images' and use the reference that the build returns",
    each=(
        "variables.containers.map(one, {'name': one.name, 'image': one.?image.orValue('')}) + "
        "variables.spec.?volumes.orValue([]).filter(one, has(one.image))"
        ".map(one, {'name': one.name, 'image': one.image.?reference.orValue('')})"
    ),
    holds=f"it.image.matches('^(' + variables.registry + ')/{_DIGEST}$')",
    named="it.name + ' (' + it.image + ')'",
    violates=pod({"image": "docker.io/library/python:3.12"}),
    complies=pod(),
)
PRIVILEGED = PodRule(
    name="no-privileged-containers",
    reason="No container is privileged.",
    message="privileged",
    fix="leave securityContext.privileged out",
    each="variables.containers",
    holds="!it.?securityContext.?privileged.orValue(false)",
    violates=security_context(privileged=True, allowPrivilegeEscalation=True),
    complies=security_context(privileged=False),
)
HOST_NAMESPACES = PodRule(
    name="no-host-namespaces",
    reason="Pods share no namespaces with their node: network, PID, IPC.",
    message="shared with the node",
    fix="leave it out",
    each="['hostNetwork', 'hostPID', 'hostIPC']",
    holds="!variables.spec[?it].orValue(false)",
    named="it",
    violates=pod(spec={"hostNetwork": True}),
    complies=pod(spec={"hostNetwork": False}),
)
HOST_PATHS = PodRule(
    name="no-host-paths",
    reason="Pods mount no files of their node.",
    message="mounts a folder of the node",
    fix="mount a PersistentVolumeClaim or an emptyDir",
    each="variables.spec.?volumes.orValue([])",
    holds="!has(it.hostPath)",
    violates=volume(hostPath={"path": "/"}),
    complies=volume(emptyDir={}),
)
VOLUMES = PodRule(
    name="volumes-of-the-cluster",
    reason="Pods mount volumes of the cluster, not file systems that their node can reach.",
    message="a volume type that the node would mount",
    fix="mount a PersistentVolumeClaim or an emptyDir",
    each="variables.spec.?volumes.orValue([])",
    holds=" || ".join(f"has(it.{kind})" for kind in (*_VOLUMES, *_CHECKED_BY_OTHER_RULES)),
    violates=volume(nfs={"server": "nowhere", "path": "/"}),
    complies=volume(emptyDir={"medium": "Memory"}),
)
HOST_PORTS = PodRule(
    name="no-host-ports",
    reason="Pods listen on their own addresses, not on their node's.",
    message="uses a port of the node",
    fix="leave hostPort out and add a Service",
    each="variables.containers",
    holds="!it.?ports.orValue([]).exists(port, port.?hostPort.orValue(0) > 0)",
    violates=pod({"ports": [{"containerPort": 8080, "hostPort": 8080}]}),
    complies=pod({"ports": PORTS}),
)
CAPABILITIES = PodRule(
    name="no-capabilities",
    reason="Containers drop all Linux capabilities.",
    message="keeps or adds capabilities",
    fix="set securityContext.capabilities.drop: [ALL], and add none but NET_BIND_SERVICE",
    each="variables.containers",
    holds=(
        "it.?securityContext.?capabilities.?drop.orValue([]).exists(one, one.matches('^ALL$')) && "
        "it.?securityContext.?capabilities.?add.orValue([]).all(one, one.matches('^NET_BIND_SERVICE$'))"
    ),
    violates=security_context(capabilities={"drop": ["ALL"], "add": ["NET_ADMIN"]}),
    complies=security_context(capabilities={"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}),
)
ESCALATION = PodRule(
    name="no-privilege-escalation",
    reason="No process gains more privileges than its parent.",
    message="may gain privileges",
    fix="set securityContext.allowPrivilegeEscalation: false",
    each="variables.containers",
    holds=(
        "it.?securityContext.?privileged.orValue(false) || !it.?securityContext.?allowPrivilegeEscalation.orValue(true)"
    ),
    violates=security_context(allowPrivilegeEscalation=True),
    complies=security_context(allowPrivilegeEscalation=False),
)
"""A privileged container always may; another rule refuses it."""
SECCOMP = PodRule(
    name="seccomp-profiles",
    reason="Containers run with the runtime's seccomp profile.",
    message="without the container runtime's seccomp profile",
    fix="set securityContext.seccompProfile.type: RuntimeDefault",
    each="variables.containers",
    holds=(
        "it.?securityContext.?seccompProfile.?type"
        ".orValue(variables.spec.?securityContext.?seccompProfile.?type.orValue(''))"
        ".matches('^RuntimeDefault$')"
    ),
    violates=security_context(seccompProfile={"type": "Unconfined"}),
    complies=security_context(seccompProfile={"type": "RuntimeDefault"}),
)
ROOT = PodRule(
    name="no-root-containers",
    reason="No container runs as root.",
    message="may run as root",
    fix="set securityContext.runAsNonRoot: true and a runAsUser other than 0",
    each="variables.containers",
    holds=(
        "it.?securityContext.?runAsNonRoot"
        ".orValue(variables.spec.?securityContext.?runAsNonRoot.orValue(false)) && "
        "it.?securityContext.?runAsUser.orValue(variables.spec.?securityContext.?runAsUser.orValue(1)) > 0"
    ),
    violates=security_context(runAsNonRoot=False),
    complies=pod({"securityContext": {"runAsNonRoot": True}}, {"securityContext": {}}),
)
RESOURCES = PodRule(
    name="requests-and-limits",
    reason="Every container has requests and limits for CPU and memory.",
    message="without requests and limits for cpu and memory",
    fix="set resources.requests and resources.limits, both with cpu and memory",
    each="variables.running",
    holds=(
        "['cpu', 'memory'].all(amount, "
        "amount in it.?resources.?requests.orValue({}) && amount in it.?resources.?limits.orValue({}))"
    ),
    violates=pod({"resources": {"requests": AMOUNTS}}),
    complies=pod(),
)
GPUS = PodRule(
    name="gpus-with-limits-and-tolerations",
    reason="Pods with GPUs have a limit, so that the scheduler counts them, and tolerate the taint of GPU nodes.",
    message="uses GPUs without a limit or without tolerating the taint of GPU nodes",
    fix="set resources.limits of nvidia.com/gpu and tolerate the taint of the same name, or give envFrom a prefix",
    each="variables.containers",
    holds=f"({_LIMITED} && {_TOLERATED}) || !({_LIMITED} || {_REQUESTED} || {_TAKEN_BY_ENVIRONMENT})",
    violates=pod(GPU),
    complies=pod(GPU, GPU_TOLERATION),
)
PROBES = PodRule(
    name="probes-on-servers",
    reason="Containers with ports in Deployments and StatefulSets have readiness and liveness probes.",
    message="has a port but no readiness or liveness probe",
    fix="set readinessProbe and livenessProbe",
    each="variables.spec.containers",
    holds="!it.?ports.orValue([]).exists(port, true) || (has(it.readinessProbe) && has(it.livenessProbe))",
    servers=True,
    violates=deployment({"ports": PORTS}),
    complies=deployment({"ports": PORTS, "readinessProbe": PROBE, "livenessProbe": PROBE}),
)
SECRETS = PodRule(
    name="no-secrets-in-environment",
    reason="Secrets are mounted as files: an environment is inherited, dumped and logged.",
    message="has a secret in its environment",
    fix="mount the Secret and pass the path of the file",
    each="variables.containers",
    holds=(
        f"it.?env.orValue([]).all(entry, {_HARMLESS}) && !it.?envFrom.orValue([]).exists(source, has(source.secretRef))"
    ),
    named=f"it.name + it.?env.orValue([]).filter(entry, !({_HARMLESS})).map(entry, ' ' + entry.name).join()",
    violates=env("DATABASE_PASSWORD", "hunter2"),
    complies=env("DATABASE_PASSWORD_FILE", "/var/run/secrets/database"),
)

POD_RULES = (
    *(IMAGES, PRIVILEGED, HOST_NAMESPACES, HOST_PATHS, VOLUMES, HOST_PORTS, CAPABILITIES, ESCALATION, SECCOMP, ROOT),
    *(RESOURCES, GPUS, PROBES, SECRETS),
)

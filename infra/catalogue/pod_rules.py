"""What every pod must be: one table, from which the policy pack and the cluster's own admission are made.

Each rule is written once, in CEL, the language in which Kubernetes takes such rules. It looks at some parts of a pod
(`each`) and says of one part (`it`) whether it `holds`. What a preview doesn't know yet can't be compared with
anything, so that a rule about it has no answer then: expressions therefore ask by functions rather than by `==`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from infra.catalogue.secret_patterns import NAMES, VALUES

_DIGEST = r"[^/@]+@sha256:[0-9a-f]{64}"
"""Right under the registry's prefix: deeper are copies of what others publish."""

SERVERS: Mapping[str, str] = {"Deployment": "apps", "StatefulSet": "apps"}
"""Kinds whose pods are there to answer, with their API group."""

KINDS: Mapping[str, str] = {"Pod": "", "DaemonSet": "apps", "Job": "batch", "CronJob": "batch", **SERVERS}
"""Every kind that has a pod in it: who applies one with a bad pod is told at once, not by pods that never come."""

VARIABLES: Mapping[str, str] = {
    "spec": (
        "object.kind == 'Pod' ? dyn(object).spec : "
        "object.kind == 'CronJob' ? dyn(object).spec.jobTemplate.spec.template.spec : dyn(object).spec.template.spec"
    ),
    "running": "variables.spec.containers + variables.spec.?initContainers.orValue([])",
    "containers": "variables.running + variables.spec.?ephemeralContainers.orValue([])",
}
"""What rules look at, in an order in which each may use those before it. `registry` comes from elsewhere."""


@dataclass(frozen=True)
class PodRule:
    """`wrong` is said of the parts for which `holds` is false, `called` names one of them."""

    name: str
    reason: str
    wrong: str
    fix: str
    each: str
    holds: str
    called: str = "it.name"
    servers: bool = False
    """Whether it is about pods that answer, and no others."""

    @property
    def kinds(self) -> Mapping[str, str]:
        return SERVERS if self.servers else KINDS

    @property
    def offenders(self) -> str:
        """CEL for the names of the parts that are wrong."""
        return f"({self.each}).filter(it, !({self.holds})).map(it, {self.called})"


_LIMITED = "it.?resources.?limits.orValue({}).exists(amount, amount.startsWith('nvidia.com/'))"
_REQUESTED = "it.?resources.?requests.orValue({}).exists(amount, amount.startsWith('nvidia.com/'))"
_HELPED_ITSELF = (
    "(it.?env.orValue([]).exists(entry, entry.name == 'NVIDIA_VISIBLE_DEVICES' && "
    "(has(entry.valueFrom) || !entry.?value.orValue('').matches('^(none|void)?$'))) || "
    "it.?envFrom.orValue([]).exists(source, 'NVIDIA_VISIBLE_DEVICES'.startsWith(source.?prefix.orValue(''))))"
)
"""By a variable for the container runtime; what it is set to from elsewhere can't be seen here."""
_TOLERATED = (
    "variables.spec.?tolerations.orValue([])"
    ".exists(toleration, toleration.?key.orValue('nvidia.com/gpu').matches('^nvidia[.]com/gpu$'))"
)
_SECRET_NAME = f"entry.name.matches(r'{NAMES}')"
_REFERENCE = "entry.?value.orValue('').matches('^($|/|arn:)')"
"""A file or the name of a secret elsewhere is none."""
_SECRET_VALUE = f"entry.?value.orValue('').matches(r'{'|'.join(VALUES.values())}')"
_HARMLESS = (
    f"!has(entry.?valueFrom.orValue({{}}).secretKeyRef) && (!{_SECRET_NAME} || {_REFERENCE}) && !{_SECRET_VALUE}"
)

_VOLUMES = ("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret")
"""Those that Pod Security's strictest level has."""
_OF_OTHER_RULES = ("hostPath", "image")

IMAGES = PodRule(
    name="images-by-digest",
    reason="Pods run images of the private registry, by digest.",
    wrong="not an image of the private registry by digest",
    fix="declare it under 'images' and use the reference that the build returns",
    each=(
        "variables.containers.map(one, {'name': one.name, 'image': one.?image.orValue('')}) + "
        "variables.spec.?volumes.orValue([]).filter(one, has(one.image))"
        ".map(one, {'name': one.name, 'image': one.image.?reference.orValue('')})"
    ),
    holds=f"it.image.matches('^(' + variables.registry + ')/{_DIGEST}$')",
    called="it.name + ' (' + it.image + ')'",
)
PRIVILEGED = PodRule(
    name="no-privileged-containers",
    reason="No container has the whole machine.",
    wrong="privileged",
    fix="leave securityContext.privileged out",
    each="variables.containers",
    holds="!it.?securityContext.?privileged.orValue(false)",
)
HOST_NAMESPACES = PodRule(
    name="no-host-namespaces",
    reason="Pods share neither network, processes nor memory with their node.",
    wrong="shared with the node",
    fix="leave it out",
    each="['hostNetwork', 'hostPID', 'hostIPC']",
    holds="!variables.spec[?it].orValue(false)",
    called="it",
)
HOST_PATHS = PodRule(
    name="no-host-paths",
    reason="Pods see no files of their node.",
    wrong="a folder of the node",
    fix="mount a PersistentVolumeClaim or an emptyDir",
    each="variables.spec.?volumes.orValue([])",
    holds="!has(it.hostPath)",
)
VOLUMES = PodRule(
    name="volumes-of-the-cluster",
    reason="Pods mount what the cluster gives them, not what their node can reach.",
    wrong="a volume that the node itself would mount",
    fix="mount a PersistentVolumeClaim or an emptyDir",
    each="variables.spec.?volumes.orValue([])",
    holds=" || ".join(f"has(it.{kind})" for kind in (*_VOLUMES, *_OF_OTHER_RULES)),
)
HOST_PORTS = PodRule(
    name="no-host-ports",
    reason="Pods answer at addresses of their own.",
    wrong="takes a port of the node",
    fix="leave hostPort out and add a Service",
    each="variables.containers",
    holds="!it.?ports.orValue([]).exists(port, port.?hostPort.orValue(0) > 0)",
)
CAPABILITIES = PodRule(
    name="no-capabilities",
    reason="No container has a part of what root may do.",
    wrong="keeps capabilities, or adds some",
    fix="set securityContext.capabilities.drop: [ALL], and add none but NET_BIND_SERVICE",
    each="variables.containers",
    holds=(
        "it.?securityContext.?capabilities.?drop.orValue([]).exists(one, one.matches('^ALL$')) && "
        "it.?securityContext.?capabilities.?add.orValue([]).all(one, one.matches('^NET_BIND_SERVICE$'))"
    ),
)
ESCALATION = PodRule(
    name="no-privilege-escalation",
    reason="No process gets more rights than the one that started it.",
    wrong="may gain privileges",
    fix="set securityContext.allowPrivilegeEscalation: false",
    each="variables.containers",
    holds=(
        "it.?securityContext.?privileged.orValue(false) || !it.?securityContext.?allowPrivilegeEscalation.orValue(true)"
    ),
)
"""Who is privileged can't be without it, and is another rule's matter."""
SECCOMP = PodRule(
    name="seccomp-profiles",
    reason="Containers call no part of the kernel that they have no use for.",
    wrong="without the container runtime's seccomp profile",
    fix="set securityContext.seccompProfile.type: RuntimeDefault",
    each="variables.containers",
    holds=(
        "it.?securityContext.?seccompProfile.?type"
        ".orValue(variables.spec.?securityContext.?seccompProfile.?type.orValue(''))"
        ".matches('^RuntimeDefault$')"
    ),
)
ROOT = PodRule(
    name="no-root-containers",
    reason="Nothing runs as root.",
    wrong="may run as root",
    fix="set securityContext.runAsNonRoot: true and a runAsUser other than 0",
    each="variables.containers",
    holds=(
        "it.?securityContext.?runAsNonRoot"
        ".orValue(variables.spec.?securityContext.?runAsNonRoot.orValue(false)) && "
        "it.?securityContext.?runAsUser.orValue(variables.spec.?securityContext.?runAsUser.orValue(1)) > 0"
    ),
)
RESOURCES = PodRule(
    name="requests-and-limits",
    reason="Every container says how much it needs and how much it may take.",
    wrong="without requests and limits for cpu and memory",
    fix="set resources.requests and resources.limits, both with cpu and memory",
    each="variables.running",
    holds=(
        "['cpu', 'memory'].all(amount, "
        "amount in it.?resources.?requests.orValue({}) && amount in it.?resources.?limits.orValue({}))"
    ),
)
GPUS = PodRule(
    name="gpus-with-limits-and-tolerations",
    reason="A GPU is counted, and taken only by pods that are meant for its nodes.",
    wrong="takes GPUs without a limit or without tolerating their nodes' taint",
    fix="set resources.limits of nvidia.com/gpu and tolerate the taint of the same name, or give envFrom a prefix",
    each="variables.containers",
    holds=f"({_LIMITED} && {_TOLERATED}) || !({_LIMITED} || {_REQUESTED} || {_HELPED_ITSELF})",
)
PROBES = PodRule(
    name="probes-on-servers",
    reason="What answers is asked whether it can.",
    wrong="publishes a port without readiness and liveness probes",
    fix="set readinessProbe and livenessProbe",
    each="variables.spec.containers",
    holds="!it.?ports.orValue([]).exists(port, true) || (has(it.readinessProbe) && has(it.livenessProbe))",
    servers=True,
)
SECRETS = PodRule(
    name="no-secrets-in-environment",
    reason="Secrets are files: an environment is inherited, dumped and logged.",
    wrong="gets a secret by its environment",
    fix="mount the Secret and name the file instead",
    each="variables.containers",
    holds=(
        f"it.?env.orValue([]).all(entry, {_HARMLESS}) && !it.?envFrom.orValue([]).exists(source, has(source.secretRef))"
    ),
    called=f"it.name + it.?env.orValue([]).filter(entry, !({_HARMLESS})).map(entry, ' ' + entry.name).join()",
)

POD_RULES = (
    *(IMAGES, PRIVILEGED, HOST_NAMESPACES, HOST_PATHS, VOLUMES, HOST_PORTS, CAPABILITIES, ESCALATION, SECCOMP, ROOT),
    *(RESOURCES, GPUS, PROBES, SECRETS),
)

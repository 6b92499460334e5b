"""The pod template of all components: user, security context, volumes, access to the tracking server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import starmap

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.batch.v1 import (
    PodFailurePolicyArgs,
    PodFailurePolicyOnPodConditionsPatternArgs,
    PodFailurePolicyRuleArgs,
)
from pulumi_kubernetes.core.v1 import (
    AffinityArgs,
    CapabilitiesArgs,
    ConfigMapVolumeSourceArgs,
    ContainerArgs,
    EmptyDirVolumeSourceArgs,
    EnvVarArgs,
    EnvVarSourceArgs,
    ExecActionArgs,
    KeyToPathArgs,
    LifecycleArgs,
    LifecycleHandlerArgs,
    LocalObjectReferenceArgs,
    ObjectFieldSelectorArgs,
    PodAffinityArgs,
    PodAffinityTermArgs,
    PodSecurityContextArgs,
    PodSpecArgs,
    PodTemplateSpecArgs,
    ProbeArgs,
    ResourceRequirementsArgs,
    SeccompProfileArgs,
    SecretVolumeSourceArgs,
    SecurityContextArgs,
    TolerationArgs,
    TopologySpreadConstraintArgs,
    VolumeArgs,
    VolumeMountArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

from infra.catalogue.names import SIMULATED_LABEL, TRACKING_SECRET
from infra.declaration.teams import DISK_BESIDE_SCRATCH, DISK_OF_A_POD
from infra.declaration.types import cpu_millis, memory_bytes
from infra.declaration.workloads import Resources
from infra.foundation import IdentityBinder, Placement, WorkloadIdentity
from infra.tenancy import Workspace
from infra.tenancy.priorities import Purpose
from infra.tenancy.team_secrets import TeamSecret

DISRUPTIONS_ARE_NO_FAILURES = PodFailurePolicyArgs(
    rules=[
        PodFailurePolicyRuleArgs(
            action="Ignore",
            on_pod_conditions=[PodFailurePolicyOnPodConditionsPatternArgs(type="DisruptionTarget", status="True")],
        )
    ]
)
"""Evictions, drains, preemption and lost nodes use up no retry of a Job."""

NOT_MOVED = {"karpenter.sh/do-not-disrupt": "true", "cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}
"""Annotations of pods that would lose their work: no autoscaler moves them to save nodes."""

GRACE_SECONDS = 30
"""Between SIGTERM and SIGKILL, as Kubernetes' default."""

_NONROOT = 65532
_CREDENTIALS_FOLDER = "/home/nonroot/.mlflow"
_ONE_CORE = 1000


@dataclass(frozen=True)
class Mount:
    """A volume and its mount path."""

    volume: VolumeArgs
    path: str
    read_only: bool = False


@dataclass(frozen=True)
class Container:
    """The settings in which our containers differ."""

    name: str
    image: pulumi.Input[str]
    resources: Resources
    command: Sequence[str] = ()
    """Empty: the entry point of the image."""
    args: Sequence[str] = ()
    env: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    env_from_labels: Mapping[str, str] = field(default_factory=dict)
    """Environment variables with the values of the pod's labels."""
    ports: Mapping[str, int] = field(default_factory=dict)
    mounts: Sequence[Mount] = ()
    gpus: int = 0
    pre_stop: Sequence[str] = ()
    """A command that runs before SIGTERM, within the grace period."""
    loads_data: bool = False
    """Whether data loaders share memory in it."""
    startup_probe: ProbeArgs | None = None
    readiness_probe: ProbeArgs | None = None
    liveness_probe: ProbeArgs | None = None


def service_account(
    name: str, workspace: Workspace, identity: WorkloadIdentity, bind: IdentityBinder, parent: pulumi.Resource
) -> list[pulumi.Resource]:
    """A service account without a mounted token, bound to an identity; returns what pods must wait for."""
    account = kubernetes.core.v1.ServiceAccount(
        f"{workspace.namespace}-{name}",
        metadata=ObjectMetaArgs(name=name, namespace=workspace.namespace),
        automount_service_account_token=False,
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[workspace]),
    )
    return [account, *bind(identity, pulumi.ResourceOptions(parent=parent))]


def config_mount(name: str, config_map: str, path: str, files: Mapping[str, str] | None = None) -> Mount:
    """A ConfigMap as files; `files` maps paths to keys if they differ."""
    items = [KeyToPathArgs(key=key, path=file) for file, key in files.items()] if files else None
    source = ConfigMapVolumeSourceArgs(name=config_map, items=items)
    return Mount(VolumeArgs(name=name, config_map=source), path, read_only=True)


def secret_mount(name: str, secret: str, path: str) -> Mount:
    """A Secret as files that only the container's user can read."""
    source = SecretVolumeSourceArgs(secret_name=secret, default_mode=0o440)
    return Mount(VolumeArgs(name=name, secret=source), path, read_only=True)


def secret_folder(secret: str) -> str:
    """The folder of a declared secret in the container."""
    return f"/var/run/secrets/{secret}"


def secret_mounts(secrets: Sequence[TeamSecret]) -> list[Mount]:
    """Mounts of the declared secrets that a workload names."""
    return [secret_mount(f"secret-{secret.name}", secret.name, secret_folder(secret.name)) for secret in secrets]


def job_env(resources: Resources, gpus: int) -> dict[str, pulumi.Input[str]]:
    """What a job can't see by itself: its CPU limit, by which libraries start threads, and the GPUs it was given."""
    threads = max(1, -(-cpu_millis(resources.cpu) // _ONE_CORE))
    return {"OMP_NUM_THREADS": str(threads), **gpu_env(gpus)}


def gpu_env(gpus: int) -> dict[str, pulumi.Input[str]]:
    """So that a container which was given GPUs, and can't use them, fails instead of going on without."""
    return {"GPUS": str(gpus)} if gpus else {}


def tracking_mounts(workspace: Workspace) -> list[Mount]:
    """The tracking login, at the path that MLflow's client reads."""
    return [secret_mount("tracking", TRACKING_SECRET, _CREDENTIALS_FOLDER)] if workspace.tracking_uri else []


def tracking_env(workspace: Workspace) -> dict[str, pulumi.Input[str]]:
    """The tracking server's URL for MLflow's client, which reads and writes artifacts through it.

    By default the client goes to a server's bucket itself, with presigned URLs; no network policy lets pods there.
    """
    if not workspace.tracking_uri:
        return {}
    through_the_server = ("MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD", "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD")
    return {"MLFLOW_TRACKING_URI": workspace.tracking_uri, **dict.fromkeys(through_the_server, "false")}


def pod_template(
    container: Container,
    workspace: Workspace,
    account: str,
    labels: Mapping[str, str],
    annotations: Mapping[str, pulumi.Input[str]] | None = None,
    placement: Placement | None = None,
    restart_policy: str = "Always",
    deadline: int | None = None,
    grace_seconds: int = GRACE_SECONDS,
    purpose: Purpose | None = None,
    user: int = _NONROOT,
    spread: Mapping[str, str] | None = None,
    beside: Mapping[str, str] | None = None,
) -> PodTemplateSpecArgs:
    """A pod that complies with Pod Security's `restricted` level, with a read-only root file system.

    Pods with the labels `spread` are spread over nodes and zones, as far as there is room. A pod runs on the node of
    the pods with the labels `beside`, if there are any: a volume may be attached to one node only.
    """
    scratch = EmptyDirVolumeSourceArgs(size_limit=container.resources.scratch)
    mounts = [Mount(VolumeArgs(name="tmp", empty_dir=scratch), "/tmp"), *_shared_memory(container), *container.mounts]
    simulated = {SIMULATED_LABEL: "true"} if placement and placement.simulated else {}
    return PodTemplateSpecArgs(
        metadata=ObjectMetaArgs(labels={**labels, **simulated}, annotations=annotations or None),
        spec=PodSpecArgs(
            service_account_name=account,
            automount_service_account_token=False,
            enable_service_links=False,
            image_pull_secrets=(
                [LocalObjectReferenceArgs(name=workspace.pull_secret)] if workspace.pull_secret else None
            ),
            priority_class_name=workspace.priority_class(purpose),
            runtime_class_name=placement.runtime_class if placement else None,
            restart_policy=restart_policy,
            active_deadline_seconds=deadline,
            termination_grace_period_seconds=grace_seconds,
            node_selector=dict(placement.node_selector) if placement else None,
            tolerations=tolerations(placement) if placement else None,
            topology_spread_constraints=_spread(spread) if spread else None,
            affinity=_beside(beside) if beside else None,
            security_context=PodSecurityContextArgs(
                run_as_non_root=True,
                run_as_user=user,
                run_as_group=user,
                fs_group=user,
                fs_group_change_policy="OnRootMismatch",
                seccomp_profile=SeccompProfileArgs(type="RuntimeDefault"),
            ),
            containers=[_container(container, mounts, placement.resources_with(container.gpus) if placement else {})],
            volumes=[mount.volume for mount in mounts],
        ),
    )


def _spread(labels: Mapping[str, str]) -> list[TopologySpreadConstraintArgs]:
    return [
        TopologySpreadConstraintArgs(
            max_skew=1,
            topology_key=key,
            when_unsatisfiable="ScheduleAnyway",
            label_selector=LabelSelectorArgs(match_labels=dict(labels)),
            # In a rollout, old pods don't count.
            match_label_keys=["pod-template-hash"],
        )
        for key in ("kubernetes.io/hostname", "topology.kubernetes.io/zone")
    ]


def _beside(labels: Mapping[str, str]) -> AffinityArgs:
    """The scheduler ignores it for the first of these pods, which must have the labels itself."""
    term = PodAffinityTermArgs(
        label_selector=LabelSelectorArgs(match_labels=dict(labels)), topology_key="kubernetes.io/hostname"
    )
    return AffinityArgs(pod_affinity=PodAffinityArgs(required_during_scheduling_ignored_during_execution=[term]))


def _shared_memory(container: Container) -> list[Mount]:
    """A larger /dev/shm than the container runtime's."""
    resources = container.resources
    size = resources.shared_memory or (_half(resources.memory) if container.loads_data else None)
    volume = EmptyDirVolumeSourceArgs(medium="Memory", size_limit=size)
    return [Mount(VolumeArgs(name="shared-memory", empty_dir=volume), "/dev/shm")] if size else []


def _half(memory: str) -> str:
    return f"{memory_bytes(memory) // 2**21}Mi"


def requirements(
    resources: Resources, gpus: int = 0, more: Mapping[str, str] | None = None
) -> ResourceRequirementsArgs:
    """The memory limit equals the request; the CPU limit is one core or the request, whichever is more."""
    limit = resources.cpu if cpu_millis(resources.cpu) >= _ONE_CORE else "1"
    devices = {**({"nvidia.com/gpu": str(gpus)} if gpus else {}), **(more or {})}
    return ResourceRequirementsArgs(
        requests={"cpu": resources.cpu, "memory": resources.memory, **_disk(resources), **devices},
        limits={"cpu": limit, "memory": resources.memory, **_disk(resources), **devices},
    )


def _disk(resources: Resources) -> dict[str, str]:
    """More than the namespace's default limit, where more scratch is declared."""
    wanted = memory_bytes(resources.scratch) + DISK_BESIDE_SCRATCH
    return {"ephemeral-storage": f"{wanted // 2**20}Mi"} if wanted > DISK_OF_A_POD else {}


def _container(container: Container, mounts: Sequence[Mount], more: Mapping[str, str]) -> ContainerArgs:
    return ContainerArgs(
        name=container.name,
        image=container.image,
        command=list(container.command) or None,
        args=list(container.args) or None,
        env=[*starmap(_given, container.env.items()), *starmap(_label, container.env_from_labels.items())] or None,
        ports=[
            kubernetes.core.v1.ContainerPortArgs(name=name, container_port=port)
            for name, port in container.ports.items()
        ]
        or None,
        resources=requirements(container.resources, container.gpus, more),
        security_context=SecurityContextArgs(
            allow_privilege_escalation=False,
            read_only_root_filesystem=True,
            capabilities=CapabilitiesArgs(drop=["ALL"]),
        ),
        volume_mounts=[
            VolumeMountArgs(name=mount.volume.name, mount_path=mount.path, read_only=mount.read_only or None)
            for mount in mounts
        ],
        lifecycle=LifecycleArgs(pre_stop=LifecycleHandlerArgs(exec_=ExecActionArgs(command=list(container.pre_stop))))
        if container.pre_stop
        else None,
        startup_probe=container.startup_probe,
        readiness_probe=container.readiness_probe,
        liveness_probe=container.liveness_probe,
    )


def _given(name: str, value: pulumi.Input[str]) -> EnvVarArgs:
    return EnvVarArgs(name=name, value=value)


def _label(name: str, label: str) -> EnvVarArgs:
    field = ObjectFieldSelectorArgs(field_path=f"metadata.labels['{label}']")
    return EnvVarArgs(name=name, value_from=EnvVarSourceArgs(field_ref=field))


def tolerations(placement: Placement) -> list[TolerationArgs]:
    """Tolerations for a pool's taints."""
    return [
        TolerationArgs(key=taint.key, operator="Exists", effect=taint.effect)
        if taint.value is None
        else TolerationArgs(key=taint.key, operator="Equal", value=taint.value, effect=taint.effect)
        for taint in placement.tolerations
    ]

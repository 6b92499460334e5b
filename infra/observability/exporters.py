"""Exporters: kube-state-metrics, the node exporter, and the simulator of GPU metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.apps.v1 import DaemonSetSpecArgs
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs

from infra.catalogue.images import GPU_SIMULATOR
from infra.catalogue.metrics import KUBE_STATE_METRICS_JOB, NODE_EXPORTER_JOB
from infra.catalogue.names import METRICS_PORT_NAME, POOL_LABEL
from infra.catalogue.node_agents import NODE_EXPORTER
from infra.declaration.workloads import Resources
from infra.foundation import Placement
from infra.images import BuiltImage
from infra.observability.access import READS_CLUSTER, READS_PODS, Namespaced, monitoring_account
from infra.observability.deployment import config_files, deploy, monitoring_server, probe
from infra.tenancy import Workspace
from infra.workloads.api_access import Access, token_mount
from infra.workloads.pod import Container, pod_template

_OPTIONS = "options.yml"
_OBJECTS = "cronjobs,daemonsets,deployments,jobs,nodes,persistentvolumeclaims,pods,resourcequotas,statefulsets"
_RECOMMENDED = "[app.kubernetes.io/name,app.kubernetes.io/component]"
_POD_LABELS = "[app.kubernetes.io/name,app.kubernetes.io/component,jobset.sigs.k8s.io/jobset-name]"
_LABELS = f"nodes=[{POOL_LABEL}],pods={_POD_LABELS},deployments={_RECOMMENDED},jobs={_RECOMMENDED}"
_COLLECTORS = ("cpu", "diskstats", "filesystem", "loadavg", "meminfo", "pressure", "stat", "vmstat")
"""Collectors that see the whole node from an unprivileged container without host paths. For disks they see the
container's root and its scratch volume, which lie on the file systems of images and of the kubelet's data."""
_EXCLUDED_MOUNTS = "^/[^t]"
_EXCLUDED_FILE_SYSTEMS = "^(cgroup2?|devpts|mqueue|proc|sysfs|tmpfs)$"


def kube_state_metrics(
    image: BuiltImage, workspace: Workspace, watched_namespaces: Sequence[Namespaced], parent: pulumi.Resource
) -> None:
    """Metrics about Kubernetes objects in the stack's namespaces, and about nodes."""
    server = monitoring_server(KUBE_STATE_METRICS_JOB, workspace, parent)
    namespaces = sorted(each.namespace for each in watched_namespaces)
    options, config = config_files(server, {_OPTIONS: {"namespaces": namespaces}})
    container = Container(
        name=KUBE_STATE_METRICS_JOB,
        image=image.reference,
        resources=Resources(cpu="25m", memory="128Mi"),
        args=[
            KUBE_STATE_METRICS_JOB,
            "--port=8080",
            "--telemetry-port=8081",
            f"--config={options.path}/{_OPTIONS}",
            f"--resources={_OBJECTS}",
            f"--metric-labels-allowlist={_LABELS}",
        ],
        ports={METRICS_PORT_NAME: 8080},
        mounts=[options, token_mount()],
        startup_probe=probe("/healthz", period=1, failures=60),
        readiness_probe=probe("/healthz", period=10, failures=3),
        liveness_probe=probe("/healthz", period=10, failures=6),
    )
    reader = monitoring_account(KUBE_STATE_METRICS_JOB, workspace, READS_CLUSTER, watched_namespaces, parent)
    deploy(server, container, [*reader, config])


def gpu_simulator(
    image: BuiltImage,
    stack: str,
    workspace: Workspace,
    watched_namespaces: Sequence[Workspace],
    parent: pulumi.Resource,
) -> None:
    """Replaces the DCGM exporter where GPUs are simulated."""
    container = Container(
        name=GPU_SIMULATOR,
        image=image.reference,
        resources=Resources(cpu="25m", memory="64Mi"),
        args=[stack, *(each.namespace for each in watched_namespaces)],
        ports={METRICS_PORT_NAME: 9400},
        mounts=[token_mount()],
        startup_probe=probe("/metrics", period=1, failures=60),
        readiness_probe=probe("/metrics", period=10, failures=3),
        liveness_probe=probe("/metrics", period=30, failures=6),
    )
    reader = monitoring_account(GPU_SIMULATOR, workspace, READS_PODS, watched_namespaces, parent)
    deploy(monitoring_server(GPU_SIMULATOR, workspace, parent), container, reader)


def node_exporter(
    image: BuiltImage, workspace: Workspace, pools: Mapping[str, Placement], parent: pulumi.Resource
) -> None:
    """A DaemonSet on every real node, without host paths: it meets the same pod policies as any other pod."""
    container = Container(
        name=NODE_EXPORTER_JOB,
        image=image.reference,
        resources=Resources(**NODE_EXPORTER),
        args=[
            NODE_EXPORTER_JOB,
            "--collector.disable-defaults",
            *(f"--collector.{name}" for name in _COLLECTORS),
            f"--collector.filesystem.mount-points-exclude={_EXCLUDED_MOUNTS}",
            f"--collector.filesystem.fs-types-exclude={_EXCLUDED_FILE_SYSTEMS}",
        ],
        ports={METRICS_PORT_NAME: 9100},
        startup_probe=probe("/", period=1, failures=30),
        readiness_probe=probe("/", period=10, failures=3),
        liveness_probe=probe("/", period=30, failures=3),
    )
    exporter = monitoring_server(NODE_EXPORTER_JOB, workspace, parent)
    kubernetes.apps.v1.DaemonSet(
        exporter.name,
        metadata=exporter.metadata,
        spec=DaemonSetSpecArgs(
            selector=LabelSelectorArgs(match_labels=exporter.selector),
            template=pod_template(
                container, workspace, account=exporter.name, labels=exporter.labels, placement=every_real_node(pools)
            ),
        ),
        opts=pulumi.ResourceOptions(
            parent=parent, depends_on=monitoring_account(NODE_EXPORTER_JOB, workspace, Access(), [], parent)
        ),
    )


def every_real_node(pools: Mapping[str, Placement]) -> Placement:
    """For agents that run on all nodes but simulated ones."""
    taints = {each for pool in pools.values() if not pool.simulated for each in pool.tolerations}
    # Whatever their values: another pool is no reason to roll all pods.
    tolerations = {replace(taint, value=None) for taint in taints}
    return Placement("", {}, sorted(tolerations, key=str), simulated=False)

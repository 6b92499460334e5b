"""What turns the state of nodes, of the cluster and of simulated GPUs into metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.apps.v1 import DaemonSetSpecArgs
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs

from infra.catalogue.images import GPU_SIMULATOR, KUBE_STATE_METRICS
from infra.catalogue.metrics import NODE_EXPORTER_JOB as NODE_EXPORTER
from infra.catalogue.names import METRICS_PORT_NAME, POOL_LABEL
from infra.declaration.model import Resources
from infra.foundation import Placement
from infra.images import BuiltImage
from infra.observability.access import READS_CLUSTER, READS_PODS, Access, Space, monitoring_account, token_mount
from infra.observability.deployment import given, probe, program, start
from infra.tenancy import Workspace
from infra.workloads.pod import Container, pod_template

_OPTIONS = "options.yml"
_OBJECTS = "daemonsets,deployments,jobs,nodes,persistentvolumeclaims,pods,resourcequotas,statefulsets"
_RECOMMENDED = "[app.kubernetes.io/name,app.kubernetes.io/component]"
_LABELS = f"nodes=[{POOL_LABEL}],pods={_RECOMMENDED},deployments={_RECOMMENDED},jobs={_RECOMMENDED}"
_SEEN_FROM_INSIDE = ("cpu", "diskstats", "filesystem", "loadavg", "meminfo", "pressure", "stat", "vmstat")
"""What the kernel tells every container of the whole node. For disks that is the container's own root and its scratch
folder: they lie where the node keeps images and where the kubelet keeps its data."""
_OTHER_MOUNTS = "^/[^t]"
_NO_DISKS = "^(cgroup2?|devpts|mqueue|proc|sysfs|tmpfs)$"


def kube_state_metrics(
    image: BuiltImage, workspace: Workspace, looked_into: Sequence[Space], parent: pulumi.Resource
) -> None:
    """Asks the API for what is in the stack's namespaces, and for the nodes. It notices new ones as it runs."""
    server = program(KUBE_STATE_METRICS, workspace, parent)
    namespaces = sorted(space.namespace for space in looked_into)
    options, config = given(server, {_OPTIONS: {"namespaces": namespaces}})
    container = Container(
        name=KUBE_STATE_METRICS,
        image=image.reference,
        resources=Resources(cpu="25m", memory="128Mi"),
        args=[
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
    reader = monitoring_account(KUBE_STATE_METRICS, workspace, READS_CLUSTER, looked_into, parent)
    start(server, container, [*reader, config])


def gpu_simulator(
    image: BuiltImage, stack: str, workspace: Workspace, looked_into: Sequence[Workspace], parent: pulumi.Resource
) -> None:
    """Stands in for DCGM's exporter, where GPUs are simulated."""
    container = Container(
        name=GPU_SIMULATOR,
        image=image.reference,
        resources=Resources(cpu="25m", memory="64Mi"),
        args=[stack, *(space.namespace for space in looked_into)],
        ports={METRICS_PORT_NAME: 9400},
        mounts=[token_mount()],
        startup_probe=probe("/metrics", period=1, failures=60),
        readiness_probe=probe("/metrics", period=10, failures=3),
        liveness_probe=probe("/metrics", period=30, failures=6),
    )
    reader = monitoring_account(GPU_SIMULATOR, workspace, READS_PODS, looked_into, parent)
    start(program(GPU_SIMULATOR, workspace, parent), container, reader)


def node_exporter(
    image: BuiltImage, workspace: Workspace, pools: Mapping[str, Placement], parent: pulumi.Resource
) -> None:
    """On every real node, without a file of it: under all the rules that other pods are under."""
    taken = {each for pool in pools.values() if not pool.simulated for each in pool.tolerations}
    anywhere = Placement("", {}, sorted(taken, key=str), simulated=False)
    container = Container(
        name=NODE_EXPORTER,
        image=image.reference,
        resources=Resources(cpu="25m", memory="48Mi"),
        args=[
            NODE_EXPORTER,
            "--collector.disable-defaults",
            *(f"--collector.{name}" for name in _SEEN_FROM_INSIDE),
            f"--collector.filesystem.mount-points-exclude={_OTHER_MOUNTS}",
            f"--collector.filesystem.fs-types-exclude={_NO_DISKS}",
        ],
        ports={METRICS_PORT_NAME: 9100},
        startup_probe=probe("/", period=1, failures=30),
        readiness_probe=probe("/", period=10, failures=3),
        liveness_probe=probe("/", period=30, failures=3),
    )
    exporter = program(NODE_EXPORTER, workspace, parent)
    kubernetes.apps.v1.DaemonSet(
        exporter.name,
        metadata=exporter.metadata,
        spec=DaemonSetSpecArgs(
            selector=LabelSelectorArgs(match_labels=exporter.selector),
            template=pod_template(
                container, workspace, account=exporter.name, labels=exporter.labels, placement=anywhere
            ),
        ),
        opts=pulumi.ResourceOptions(
            parent=parent, depends_on=monitoring_account(NODE_EXPORTER, workspace, Access(), [], parent)
        ),
    )

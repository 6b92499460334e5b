"""What turns the state of nodes, of the cluster and of simulated GPUs into metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.apps.v1 import DaemonSetSpecArgs
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

from infra.declaration.model import Resources
from infra.foundation import Placement
from infra.images import BuiltImage
from infra.monitoring.access import READS_CLUSTER, READS_PODS, Access, account, token_mount
from infra.monitoring.images import GPU_SIMULATOR, KUBE_STATE_METRICS
from infra.monitoring.scraping import COMPONENT, NODE_EXPORTER, PORT_NAME
from infra.monitoring.server import Server, probe
from infra.naming import POOL_LABEL, labels, selector
from infra.tenancy import Workspace
from infra.workload import Container, pod_template

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
    image: BuiltImage, workspace: Workspace, looked_into: Sequence[Workspace], parent: pulumi.Resource
) -> None:
    """Asks the API for what is in the stack's namespaces, and for the nodes. It notices new ones as it runs."""
    server = Server(KUBE_STATE_METRICS, workspace, parent)
    given, config = server.config({_OPTIONS: {"namespaces": sorted(space.namespace for space in looked_into)}})
    container = Container(
        name=KUBE_STATE_METRICS,
        image=image.reference,
        resources=Resources(cpu="25m", memory="128Mi"),
        args=[
            "--port=8080",
            "--telemetry-port=8081",
            f"--config={given.path}/{_OPTIONS}",
            f"--resources={_OBJECTS}",
            f"--metric-labels-allowlist={_LABELS}",
        ],
        ports={PORT_NAME: 8080},
        mounts=[given, token_mount()],
        startup_probe=probe("/healthz", period=1, failures=60),
        readiness_probe=probe("/healthz", period=10, failures=3),
        liveness_probe=probe("/healthz", period=10, failures=6),
    )
    reader = account(KUBE_STATE_METRICS, workspace, READS_CLUSTER, looked_into, parent)
    server.deployment(container, [*reader, config])


def gpu_simulator(
    image: BuiltImage, stack: str, workspace: Workspace, looked_into: Sequence[Workspace], parent: pulumi.Resource
) -> None:
    """Stands in for DCGM's exporter, where GPUs are simulated."""
    container = Container(
        name=GPU_SIMULATOR,
        image=image.reference,
        resources=Resources(cpu="25m", memory="64Mi"),
        args=[stack, *(space.namespace for space in looked_into)],
        ports={PORT_NAME: 9400},
        mounts=[token_mount()],
        startup_probe=probe("/metrics", period=1, failures=60),
        readiness_probe=probe("/metrics", period=10, failures=3),
        liveness_probe=probe("/metrics", period=30, failures=6),
    )
    reader = account(GPU_SIMULATOR, workspace, READS_PODS, looked_into, parent)
    Server(GPU_SIMULATOR, workspace, parent).deployment(container, reader)


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
        ports={PORT_NAME: 9100},
        startup_probe=probe("/", period=1, failures=30),
        readiness_probe=probe("/", period=10, failures=3),
        liveness_probe=probe("/", period=30, failures=3),
    )
    own = labels(NODE_EXPORTER, COMPONENT)
    kubernetes.apps.v1.DaemonSet(
        NODE_EXPORTER,
        metadata=ObjectMetaArgs(name=NODE_EXPORTER, namespace=workspace.namespace, labels=own),
        spec=DaemonSetSpecArgs(
            selector=LabelSelectorArgs(match_labels=selector(NODE_EXPORTER, COMPONENT)),
            template=pod_template(container, workspace, account=NODE_EXPORTER, labels=own, placement=anywhere),
        ),
        opts=pulumi.ResourceOptions(parent=parent, depends_on=account(NODE_EXPORTER, workspace, Access(), [], parent)),
    )

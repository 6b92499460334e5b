"""Alerts on pods, nodes, volumes, the registry and the tracking server."""

from __future__ import annotations

from infra.catalogue.alerts.alert import MINUTE, OF_NAMESPACE, THRESHOLD, Alert, Threshold
from infra.catalogue.metrics import GPUS_PENDING

_CONTAINER = "namespace, pod, container"
_DEPLOYMENT, _DAEMONSET = "namespace, deployment", "namespace, daemonset"
_STATUS_METRICS = ("kube_pod_container_status", "kube_pod_init_container_status")
_POD_NODE = 'max by (namespace, pod, node) (kube_pod_info{node!=""})'
"""Deduplicated: after a restart of Prometheus, stale series of the same pod exist under other labels."""
_TRACKING_REQUESTS = 'tracking_requests_total{route!="health"'


def _waiting(reason: str, window: str) -> str:
    """1 for each container, init containers included, that was waiting for this reason within the window."""
    each = (f'max_over_time({metric}_waiting_reason{{reason=~"{reason}"}}[{window}])' for metric in _STATUS_METRICS)
    return f"max by ({_CONTAINER}) ({' or '.join(each)})"


def _restarts(window: str) -> str:
    """An exact count: `increase` extrapolates, and the threshold is a small number."""
    each = (
        f"max_over_time({metric}_restarts_total[{window}]) - min_over_time({metric}_restarts_total[{window}])"
        for metric in _STATUS_METRICS
    )
    return f"max by ({_CONTAINER}) ({' or '.join(each)})"


_PULL_FAILS = _waiting("ErrImagePull|ImagePullBackOff", "1m")

ALERTS = (
    Alert(
        "PodCrashLoops",
        # The container may run for minutes between two crashes, so that neither condition holds all the time.
        f"({_waiting('CrashLoopBackOff', '15m')} == 1 and {_restarts('1h')} >= {THRESHOLD} "
        f"or {_restarts('30m')} > {THRESHOLD} + 1) * on (namespace, pod) group_left (node) {_POD_NODE}",
        "container {{ $labels.container }} of pod {{ $labels.pod }} is crash-looping",
        for_=5 * MINUTE,
        team=OF_NAMESPACE,
        threshold=Threshold(2, "count", "restarts of a container in an hour"),
    ),
    Alert(
        "PodUnschedulable",
        # Pods that ask for GPUs have an alert of their own, with the reason.
        f"max by (namespace, pod) (kube_pod_status_unschedulable) == 1 unless on (namespace, pod) {GPUS_PENDING}",
        "pod {{ $labels.pod }} fits no node",
        for_=15 * MINUTE,
        team=OF_NAMESPACE,
    ),
    Alert(
        "DeploymentDown",
        f"max by ({_DEPLOYMENT}) (kube_deployment_status_replicas_available) == 0 "
        f"and on ({_DEPLOYMENT}) kube_deployment_spec_replicas > 0",
        "no pod of {{ $labels.deployment }} is ready",
        for_=3 * MINUTE,
        severity="critical",
        team=OF_NAMESPACE,
    ),
    Alert(
        "DaemonSetIncomplete",
        f"max by ({_DAEMONSET}) (kube_daemonset_status_desired_number_scheduled) "
        f"- max by ({_DAEMONSET}) (kube_daemonset_status_number_ready) > 0",
        "{{ $labels.daemonset }} is not ready on {{ $value }} nodes",
        for_=15 * MINUTE,
    ),
    Alert(
        "NodeNotReady",
        'max by (node) (kube_node_status_condition{condition="Ready",status="true"}) == 0',
        "node {{ $labels.node }} is not ready",
        for_=2 * MINUTE,
        severity="critical",
    ),
    Alert(
        "NodeDiskFilling",
        f"min by (node) (node_filesystem_avail_bytes / node_filesystem_size_bytes) < {THRESHOLD}",
        "a disk of node {{ $labels.node }} has {{ $value | humanizePercentage }} of its space left",
        for_=10 * MINUTE,
        threshold=Threshold(0.1, "ratio", "free space of the fullest file system"),
    ),
    Alert(
        "VolumeFilling",
        f"min by (namespace, persistentvolumeclaim) "
        f"(kubelet_volume_stats_available_bytes / kubelet_volume_stats_capacity_bytes) < {THRESHOLD}",
        "volume {{ $labels.persistentvolumeclaim }} has {{ $value | humanizePercentage }} of its space left",
        for_=10 * MINUTE,
        team=OF_NAMESPACE,
        threshold=Threshold(0.1, "ratio", "free space of the volume"),
    ),
    Alert(
        "ImagePullFails",
        f"{_PULL_FAILS} == 1",
        "container {{ $labels.container }} of pod {{ $labels.pod }} cannot pull its image",
        for_=2 * MINUTE,
        team=OF_NAMESPACE,
    ),
    Alert(
        "RegistryUnreachable",
        f'count(count by (namespace) ({_PULL_FAILS} == 1)) >= {THRESHOLD} or max by (job) (up{{job="registry"}}) == 0',
        "{{ if $labels.job }}the registry does not answer{{ else }}"
        "pods in {{ $value }} namespaces cannot pull images from the registry{{ end }}",
        for_=2 * MINUTE,
        severity="critical",
        threshold=Threshold(2, "count", "namespaces with failing image pulls"),
    ),
    Alert(
        "TrackingFailing",
        f'sum(rate({_TRACKING_REQUESTS},code=~"5.."}}[5m])) / sum(rate({_TRACKING_REQUESTS}}}[5m])) > {THRESHOLD}',
        "the tracking server fails {{ $value | humanizePercentage }} of its requests",
        for_=5 * MINUTE,
        severity="critical",
        threshold=Threshold(0.05, "ratio", "requests to the tracking server that fail with 5xx"),
    ),
)

"""Pods, nodes, volumes, the registry and the tracking server: what everything else stands on."""

from __future__ import annotations

from infra.catalogue.alerts.alert import MINUTE, OF_NAMESPACE, Alert

_CRASHES, _MANY_CRASHES = 2, 3
_LEFT = 0.1
_BY = "namespace, pod, container"
_DEPLOYMENT, _DAEMON = "namespace, deployment", "namespace, daemonset"
_KINDS = ("kube_pod_container_status", "kube_pod_init_container_status")
_SEVERAL = 2
_PLACE = 'max by (namespace, pod, node) (kube_pod_info{node!=""})'
"""Of each pod just one: after Prometheus has been down it still knows what a pod was before, under other labels."""
_ASKED = 'tracking_requests_total{route!="health"'
_FAILED = 0.05


def _waits(reason: str, window: str) -> str:
    """1 for each container, of those that run before a pod's others too, that waited for this reason meanwhile."""
    each = (f'max_over_time({kind}_waiting_reason{{reason=~"{reason}"}}[{window}])' for kind in _KINDS)
    return f"max by ({_BY}) ({' or '.join(each)})"


def _restarts(window: str) -> str:
    """Counted, not estimated as `increase` does: the threshold is a small number."""
    each = (
        f"max_over_time({kind}_restarts_total[{window}]) - min_over_time({kind}_restarts_total[{window}])"
        for kind in _KINDS
    )
    return f"max by ({_BY}) ({' or '.join(each)})"


_NO_IMAGE = _waits("ErrImagePull|ImagePullBackOff", "1m")

ALERTS = (
    Alert(
        "PodCrashLoops",
        # It may live for minutes in between: neither sign alone is there all the time.
        f"({_waits('CrashLoopBackOff', '15m')} == 1 and {_restarts('1h')} >= {_CRASHES} "
        f"or {_restarts('30m')} > {_MANY_CRASHES}) * on (namespace, pod) group_left (node) {_PLACE}",
        "container {{ $labels.container }} of pod {{ $labels.pod }} ends again and again",
        after=5 * MINUTE,
        team=OF_NAMESPACE,
    ),
    Alert(
        "DeploymentDown",
        f"max by ({_DEPLOYMENT}) (kube_deployment_status_replicas_available) == 0 "
        f"and on ({_DEPLOYMENT}) kube_deployment_spec_replicas > 0",
        "no pod of {{ $labels.deployment }} is ready",
        after=3 * MINUTE,
        severity="critical",
        team=OF_NAMESPACE,
    ),
    Alert(
        "DaemonSetIncomplete",
        f"max by ({_DAEMON}) (kube_daemonset_status_desired_number_scheduled) "
        f"- max by ({_DAEMON}) (kube_daemonset_status_number_ready) > 0",
        "{{ $labels.daemonset }} is missing on {{ $value }} nodes",
        after=15 * MINUTE,
    ),
    Alert(
        "NodeNotReady",
        'max by (node) (kube_node_status_condition{condition="Ready",status="true"}) == 0',
        "node {{ $labels.node }} is not ready",
        after=2 * MINUTE,
        severity="critical",
    ),
    Alert(
        "NodeDiskFilling",
        f"min by (node) (node_filesystem_avail_bytes / node_filesystem_size_bytes) < {_LEFT}",
        "a disk of node {{ $labels.node }} has {{ $value | humanizePercentage }} left",
        after=10 * MINUTE,
    ),
    Alert(
        "VolumeFilling",
        f"min by (namespace, persistentvolumeclaim) "
        f"(kubelet_volume_stats_available_bytes / kubelet_volume_stats_capacity_bytes) < {_LEFT}",
        "volume {{ $labels.persistentvolumeclaim }} has {{ $value | humanizePercentage }} left",
        after=10 * MINUTE,
        team=OF_NAMESPACE,
    ),
    Alert(
        "ImagePullFails",
        f"{_NO_IMAGE} == 1",
        "container {{ $labels.container }} of pod {{ $labels.pod }} gets no image",
        after=2 * MINUTE,
        team=OF_NAMESPACE,
    ),
    Alert(
        "RegistryUnreachable",
        f'count(count by (namespace) ({_NO_IMAGE} == 1)) >= {_SEVERAL} or max by (job) (up{{job="registry"}}) == 0',
        "{{ if $labels.job }}the registry does not answer{{ else }}"
        "pods of {{ $value }} namespaces get no image from the registry{{ end }}",
        after=2 * MINUTE,
        severity="critical",
    ),
    Alert(
        "TrackingFailing",
        f'sum(rate({_ASKED},code=~"5.."}}[5m])) / sum(rate({_ASKED}}}[5m])) > {_FAILED}',
        "the tracking server fails {{ $value | humanizePercentage }} of its requests",
        after=5 * MINUTE,
        severity="critical",
    ),
)

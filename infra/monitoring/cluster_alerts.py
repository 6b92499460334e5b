"""Pods, nodes, volumes, the registry and the tracking server: what everything else stands on."""

from __future__ import annotations

from infra.monitoring.alert import MINUTE, OF_NAMESPACE, Alert

_CRASHES = 3
_LEFT = 0.1
_WAITING = "kube_pod_container_status_waiting_reason"
_BY = "namespace, pod, container"
_PLACE = 'max by (namespace, pod, node) (kube_pod_info{node!=""})'
"""Of each pod just one: after Prometheus has been down it still knows what a pod was before, under other labels."""
_ASKED = "tracking_requests_total"
_FAILED = 0.05

ALERTS = (
    Alert(
        "PodCrashLoops",
        f'(max by ({_BY}) (max_over_time({_WAITING}{{reason="CrashLoopBackOff"}}[1m])) == 1 or '
        f"max by ({_BY}) (increase(kube_pod_container_status_restarts_total[30m])) > {_CRASHES}) "
        f"* on (namespace, pod) group_left (node) {_PLACE}",
        "container {{ $labels.container }} of pod {{ $labels.pod }} ends again and again",
        after=5 * MINUTE,
        team=OF_NAMESPACE,
    ),
    Alert(
        "DeploymentDown",
        "kube_deployment_status_replicas_available == 0 "
        "and on (namespace, deployment) kube_deployment_spec_replicas > 0",
        "no pod of {{ $labels.deployment }} is ready",
        after=3 * MINUTE,
        severity="critical",
        team=OF_NAMESPACE,
    ),
    Alert(
        "NodeNotReady",
        'kube_node_status_condition{condition="Ready",status="true"} == 0',
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
        "RegistryUnreachable",
        f'count(max by ({_BY}) ({_WAITING}{{reason=~"ErrImagePull|ImagePullBackOff"}}) == 1) > 0 '
        'or max by (job) (up{job="registry"}) == 0',
        "{{ if $labels.job }}the registry does not answer{{ else }}"
        "{{ $value }} containers wait for an image that the registry does not give{{ end }}",
        after=2 * MINUTE,
        severity="critical",
    ),
    Alert(
        "TrackingFailing",
        f'sum(rate({_ASKED}{{code=~"5.."}}[5m])) / sum(rate({_ASKED}{{route!="health"}}[5m])) > {_FAILED}',
        "the tracking server fails {{ $value | humanizePercentage }} of its requests",
        after=5 * MINUTE,
        severity="critical",
    ),
)

"""Monitoring itself: what it can't see, what it can't say, and a sign of life whose absence others notice."""

from __future__ import annotations

from infra.catalogue.alerts.alert import MINUTE, WHOSE_EVER, Alert
from infra.catalogue.targets import CADVISOR, KUBE_STATE_METRICS, KUBELET, NODE_EXPORTER

WATCHDOG = "Watchdog"

_ALWAYS_THERE = (KUBE_STATE_METRICS, NODE_EXPORTER, KUBELET, CADVISOR)
"""Wherever there is a cluster. What measures GPUs is missed by the nodes that have some."""
_BEHIND_SECONDS = 300
_READ = "prometheus_remote_storage_queue_highest_timestamp_seconds"
_SENT = "prometheus_remote_storage_queue_highest_sent_timestamp_seconds"

ALERTS = (
    Alert(
        "TargetDown",
        # Not every job tells something: one is missed only if it did.
        'up{job!="training"} == 0 or up{job="training"} == 0 and max_over_time(up{job="training"}[1h]) == 1',
        "{{ $labels.job }} at {{ $labels.instance }} does not answer",
        after=5 * MINUTE,
        team=WHOSE_EVER,
    ),
    Alert(
        "MetricsMissing",
        # What is not there at all has no `up` that could be 0.
        " or ".join(f'absent(up{{job="{job}"}})' for job in _ALWAYS_THERE),
        "there is no {{ $labels.job }}: alerts on what it tells can't fire",
        after=5 * MINUTE,
        severity="critical",
    ),
    Alert(
        "MonitoringConfigRejected",
        "prometheus_config_last_reload_successful == 0 or alertmanager_config_last_reload_successful == 0",
        "{{ $labels.job }} has been given a configuration that it can't read; it works on with the one before",
        after=0,
        severity="critical",
    ),
    Alert(
        "PrometheusFailing",
        "sum by (instance) (increase(prometheus_rule_evaluation_failures_total[5m])) > 0 or "
        "sum by (instance) (increase(prometheus_tsdb_compactions_failed_total[1h])) > 0 or "
        "sum by (instance) (increase(prometheus_tsdb_wal_corruptions_total[1h])) > 0",
        "Prometheus fails to evaluate rules or to keep its data",
        after=0,
        severity="critical",
    ),
    Alert(
        "NotificationsFail",
        "sum by (job) (rate(alertmanager_notifications_failed_total[5m])) > 0 or "
        "sum by (job) (rate(prometheus_notifications_errors_total[5m])) > 0",
        "{{ $labels.job }} can't deliver alerts",
        after=6 * MINUTE,  # longer than one failure is seen
        severity="critical",
    ),
    Alert(
        "RemoteWriteFails",
        # Before anything was sent there is nothing to say when.
        f"max by (instance) ({_READ} - ({_SENT} or 0 * {_READ})) > {_BEHIND_SECONDS} or "
        "sum by (instance) (rate(prometheus_remote_storage_samples_failed_total[5m])) > 0",
        "metrics don't come to where they are kept beside the cluster",
        after=10 * MINUTE,
    ),
    Alert(WATCHDOG, "vector(1)", "always there while alerts are evaluated and delivered", after=0, severity="none"),
)

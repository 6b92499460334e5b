"""Alerts on monitoring itself, and the heartbeat (dead-man's switch)."""

from __future__ import annotations

from infra.catalogue.alerts.alert import MINUTE, OF_NAMESPACE_OR_PLATFORM, THRESHOLD, Alert, Threshold
from infra.catalogue.metrics import CADVISOR_JOB, KUBE_STATE_METRICS_JOB, KUBELET_JOB, NODE_EXPORTER_JOB

WATCHDOG = "Watchdog"

_ALWAYS_SCRAPED = (KUBE_STATE_METRICS_JOB, NODE_EXPORTER_JOB, KUBELET_JOB, CADVISOR_JOB)
"""The jobs that every cluster has. GPU exporters are covered by GpusUnseen."""
_READ = "prometheus_remote_storage_queue_highest_timestamp_seconds"
_SENT = "prometheus_remote_storage_queue_highest_sent_timestamp_seconds"

ALERTS = (
    Alert(
        "TargetDown",
        # A training job may expose no metrics at all: it counts as down only if it was up in the last hour.
        'up{job!="training"} == 0 or up{job="training"} == 0 and max_over_time(up{job="training"}[1h]) == 1',
        "target {{ $labels.job }} at {{ $labels.instance }} is down",
        for_=5 * MINUTE,
        team=OF_NAMESPACE_OR_PLATFORM,
    ),
    Alert(
        "MetricsMissing",
        # A target that was never discovered has no `up` series that could be 0.
        " or ".join(f'absent(up{{job="{job}"}})' for job in _ALWAYS_SCRAPED),
        "no target of {{ $labels.job }} exists: alerts on its metrics cannot fire",
        for_=5 * MINUTE,
        severity="critical",
    ),
    Alert(
        "MonitoringConfigRejected",
        "prometheus_config_last_reload_successful == 0 or alertmanager_config_last_reload_successful == 0",
        "{{ $labels.job }} rejected its new configuration and keeps the previous one",
        for_=0,
        severity="critical",
    ),
    Alert(
        "PrometheusFailing",
        "sum by (instance) (increase(prometheus_rule_evaluation_failures_total[5m])) > 0 or "
        "sum by (instance) (increase(prometheus_tsdb_compactions_failed_total[1h])) > 0 or "
        "sum by (instance) (increase(prometheus_tsdb_wal_corruptions_total[1h])) > 0",
        "Prometheus fails to evaluate rules or to store its data",
        for_=0,
        severity="critical",
    ),
    Alert(
        "NotificationsFail",
        "sum by (job) (rate(alertmanager_notifications_failed_total[5m])) > 0 or "
        "sum by (job) (rate(prometheus_notifications_errors_total[5m])) > 0",
        "{{ $labels.job }} cannot deliver alerts",
        for_=6 * MINUTE,  # longer than a single failure stays in the rate
        severity="critical",
    ),
    Alert(
        "RemoteWriteFails",
        # The timestamp of the last sent sample is missing until the first one was sent.
        f"max by (instance) ({_READ} - ({_SENT} or 0 * {_READ})) > {THRESHOLD} or "
        "sum by (instance) (rate(prometheus_remote_storage_samples_failed_total[5m])) > 0",
        "remote write fails or is behind: the remote store is missing metrics",
        for_=10 * MINUTE,
        threshold=Threshold(300, "seconds", "delay of remote write"),
    ),
    Alert(WATCHDOG, "vector(1)", "always firing while alerts are evaluated and delivered", for_=0, severity="none"),
)

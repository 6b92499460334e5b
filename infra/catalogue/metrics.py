"""The metrics that rules, dashboards and the status page may use, by source, and the scrape jobs they come from.

Prometheus collects more than these. Rules may use only what is listed: an alert on a mistyped metric would never fire.
"""

from __future__ import annotations

from collections.abc import Iterator

import promql_parser

from infra.catalogue import images

KUBE_STATE_METRICS_JOB, GPU_EXPORTER_JOB = "kube-state-metrics", images.DCGM_EXPORTER
NODE_EXPORTER_JOB = "node-exporter"
KUBELET_JOB, CADVISOR_JOB = "kubelet", "cadvisor"
"""Scrape jobs: the values of the label `job`. cAdvisor is part of the kubelet, at a path of its own."""

PROMETHEUS = frozenset(
    {
        "up",
        "ALERTS",
        "prometheus_config_last_reload_successful",
        "prometheus_notifications_errors_total",
        "prometheus_remote_storage_queue_highest_sent_timestamp_seconds",
        "prometheus_remote_storage_queue_highest_timestamp_seconds",
        "prometheus_remote_storage_samples_failed_total",
        "prometheus_rule_evaluation_failures_total",
        "prometheus_tsdb_compactions_failed_total",
        "prometheus_tsdb_head_series",
        "prometheus_tsdb_storage_blocks_bytes",
        "prometheus_tsdb_wal_corruptions_total",
        "alertmanager_alerts",
        "alertmanager_config_last_reload_successful",
        "alertmanager_notifications_failed_total",
        "alertmanager_notifications_total",
    }
)
NODE_EXPORTER = frozenset(
    {
        "node_cpu_seconds_total",
        "node_disk_read_bytes_total",
        "node_disk_written_bytes_total",
        "node_filesystem_avail_bytes",
        "node_filesystem_size_bytes",
        "node_load1",
        "node_memory_MemAvailable_bytes",
        "node_memory_MemTotal_bytes",
    }
)
KUBELET = frozenset(
    {
        "kubelet_running_pods",
        "kubelet_runtime_operations_errors_total",
        "kubelet_volume_stats_available_bytes",
        "kubelet_volume_stats_capacity_bytes",
        "container_cpu_usage_seconds_total",
        "container_memory_working_set_bytes",
        "machine_cpu_cores",
        "machine_memory_bytes",
    }
)
CLUSTER = frozenset(
    {
        "kube_cronjob_next_schedule_time",
        "kube_cronjob_spec_suspend",
        "kube_cronjob_status_active",
        "kube_cronjob_status_last_schedule_time",
        "kube_daemonset_status_desired_number_scheduled",
        "kube_daemonset_status_number_ready",
        "kube_deployment_labels",
        "kube_deployment_spec_replicas",
        "kube_deployment_status_replicas_available",
        "kube_job_complete",
        "kube_job_failed",
        "kube_job_labels",
        "kube_job_status_active",
        "kube_job_status_failed",
        "kube_job_status_start_time",
        "kube_job_status_suspended",
        "kube_node_info",
        "kube_node_labels",
        "kube_node_spec_unschedulable",
        "kube_node_status_allocatable",
        "kube_node_status_condition",
        "kube_persistentvolumeclaim_info",
        "kube_pod_container_resource_requests",
        "kube_pod_container_state_started",
        "kube_pod_container_status_restarts_total",
        "kube_pod_container_status_waiting_reason",
        "kube_pod_info",
        "kube_pod_init_container_status_restarts_total",
        "kube_pod_init_container_status_waiting_reason",
        "kube_pod_labels",
        "kube_pod_status_phase",
        "kube_pod_status_unschedulable",
        "kube_resourcequota",
    }
)
SERVING = frozenset(
    {
        "inference_requests_total",
        "inference_request_duration_seconds_bucket",
        "inference_request_duration_seconds_count",
        "inference_request_duration_seconds_sum",
        "inference_batch_size_bucket",
        "inference_batch_size_count",
        "inference_batch_size_sum",
        "inference_model_info",
        "inference_model_created_timestamp_seconds",
        "inference_model_load_failures_total",
        "inference_model_loaded",
        "inference_shadow_answers_total",
        "inference_caller_requests_total",
        "inference_caller_tokens_total",
    }
)
TRAINING = frozenset(
    {
        "training_accuracy",
        "training_loss",
        "training_progress_ratio",
        "training_samples_per_second",
    }
)
"""Exposed by training jobs, if their code does so."""
TRACKING = frozenset(
    {
        "tracking_requests_total",
        "tracking_request_duration_seconds_bucket",
        "tracking_request_duration_seconds_count",
        "tracking_request_duration_seconds_sum",
        "tracking_requests_in_flight",
    }
)
REGISTRY = frozenset(
    {
        "registry_http_requests_total",
        "registry_http_request_duration_seconds_bucket",
        "registry_http_request_duration_seconds_count",
        "registry_http_request_duration_seconds_sum",
        "registry_http_in_flight_requests",
    }
)
"""Only where the platform runs its own registry."""
GPU = frozenset(
    {
        "DCGM_EXP_XID_ERRORS_COUNT",
        "DCGM_FI_DEV_CLOCK_THROTTLE_REASONS",
        "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL",
        "DCGM_FI_DEV_FB_FREE",
        "DCGM_FI_DEV_FB_USED",
        "DCGM_FI_DEV_GPU_TEMP",
        "DCGM_FI_DEV_GPU_UTIL",
        "DCGM_FI_DEV_POWER_USAGE",
        "DCGM_FI_DEV_SM_CLOCK",
        "DCGM_FI_DEV_XID_ERRORS",
    }
)

GATEWAY = frozenset(
    {
        "envoy_cluster_upstream_cx_active",
        "envoy_cluster_upstream_cx_connect_fail",
        "envoy_cluster_upstream_rq_active",
        "envoy_cluster_upstream_rq_completed",
        "envoy_cluster_upstream_rq_retry",
        "envoy_cluster_upstream_rq_time_bucket",
        "envoy_cluster_upstream_rq_time_count",
        "envoy_cluster_upstream_rq_time_sum",
        "envoy_cluster_upstream_rq_xx",
        "envoy_http_downstream_cx_active",
        "envoy_http_downstream_rq_xx",
        "envoy_server_days_until_first_cert_expiring",
        "envoy_server_memory_allocated",
    }
)
"""Of Envoy's many, those that Prometheus keeps. About an endpoint's route, they have the labels `namespace`, `endpoint`
and `release`."""

ERROR_BUDGET = "serving:error_budget:ratio"
LATENCY_BUDGET = "serving:latency_budget:ratio"
LATENCY_BUCKET = "serving:latency_bucket:info"
MAX_MODEL_AGE = "serving:max_model_age:seconds"
CANARY_ERRORS, MAX_CANARY_ERRORS = "canary:more_errors:ratio", "canary:max_more_errors:ratio"
CANARY_LATENCY, MAX_CANARY_LATENCY = "canary:more_latency:ratio", "canary:max_more_latency:ratio"
GPUS_FREE = "node:gpus_free:count"
GPUS_PENDING = "pod:gpus_pending:count"
IDLE_BELOW = "workload:idle_below:percent"
IDLE_FOR = "workload:idle_for:seconds"
RUN_GPUS = "pod:run_gpus:count"
RUN_IDLE_GPUS = "run:gpus_idle:count"
IDLE_SINCE = "run:gpus_idle_since:timestamp_seconds"
TEAM_REQUESTS, TEAM_IDLE = "team:requests:sum", "team:requests_idle:sum"
_OBJECTIVES = frozenset({ERROR_BUDGET, LATENCY_BUDGET, LATENCY_BUCKET, MAX_MODEL_AGE})
_IDLE = frozenset({IDLE_BELOW, IDLE_FOR, RUN_GPUS, RUN_IDLE_GPUS, IDLE_SINCE})
CANARIES = frozenset({CANARY_ERRORS, MAX_CANARY_ERRORS, CANARY_LATENCY, MAX_CANARY_LATENCY})
RECORDED = _OBJECTIVES | _IDLE | CANARIES | frozenset({GPUS_FREE, GPUS_PENDING, TEAM_REQUESTS, TEAM_IDLE})
"""Created by the platform's recording rules."""

OWN_CODE = ("training", "serving")
"""Scrape jobs that run teams' code: rules may use any metric of these."""
KNOWN = (
    PROMETHEUS | NODE_EXPORTER | KUBELET | CLUSTER | SERVING | TRAINING | TRACKING | REGISTRY | GPU | GATEWAY | RECORDED
)

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""The histogram buckets of endpoints' request durations, in seconds: a latency objective must be one of them."""


def named_in(query: str) -> list[str]:
    """The metrics in a PromQL query, in order; `ValueError` if it is not valid PromQL."""
    return list(dict.fromkeys(name for selector in _selectors(query) for name in _names(selector)))


def unknown_in(query: str) -> list[str]:
    """The metrics in a query that no source exposes, except those selected from teams' own code by `job`."""
    selectors = [each for each in _selectors(query) if not _is_of_own_code(each)]
    return list(dict.fromkeys(name for each in selectors for name in _names(each) if name not in KNOWN))


def _selectors(query: str) -> list[promql_parser.VectorSelector]:
    found: list[promql_parser.VectorSelector] = []

    def visit(part: promql_parser.Expr) -> bool:
        selector = part.vector_selector if isinstance(part, promql_parser.MatrixSelector) else part
        if isinstance(selector, promql_parser.VectorSelector):
            found.append(selector)
        return True

    promql_parser.walk(promql_parser.parse(query), visit)
    return found


def _is_of_own_code(selector: promql_parser.VectorSelector) -> bool:
    equal = promql_parser.MatchOp.Equal
    return any((each.name, each.op) == ("job", equal) and each.value in OWN_CODE for each in selector.matchers.matchers)


def _names(selector: promql_parser.VectorSelector) -> Iterator[str]:
    if selector.name is not None:
        yield selector.name
        return
    given = [each.value for each in selector.matchers.matchers if each.name == "__name__"]
    yield from given or ["a selector without a metric"]

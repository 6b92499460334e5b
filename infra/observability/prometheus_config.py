"""Prometheus's configuration: scrape jobs, rules, Alertmanager and remote write. Targets are discovered through the API
server, except a registry outside of the cluster."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from infra.catalogue.images import REGISTRY
from infra.catalogue.metrics import (
    CADVISOR_JOB,
    GATEWAY,
    GPU_EXPORTER_JOB,
    KUBELET_JOB,
    NODE_EXPORTER_JOB,
    RECORDED,
)
from infra.catalogue.names import CANARY, METRICS_PORT_NAME, SIMULATED_LABEL, STABLE
from infra.declaration.monitoring import Monitoring
from infra.foundation import RemoteWrite
from infra.workloads.api_access import SERVICE_ACCOUNT_FOLDER

Config = Mapping[str, Any]

_LABEL = "__meta_kubernetes_pod_label_app_kubernetes_io_"
_JOB = "__meta_kubernetes_pod_label_batch_kubernetes_io_job_name"
_TRAINING_INTERVAL = 5
"""Seconds."""
_GATEWAY_INTERVAL = 5
"""Seconds: canaries are compared over short times."""
_SAMPLE_LIMIT = 2000
"""Per scrape of a pod with teams' own code."""
_KUBELET_TLS = {
    "scheme": "https",
    "authorization": {"credentials_file": f"{SERVICE_ACCOUNT_FOLDER}/token"},
    "tls_config": {"ca_file": f"{SERVICE_ACCOUNT_FOLDER}/ca.crt"},
}
_NODE_AGENTS = f"{NODE_EXPORTER_JOB}|{GPU_EXPORTER_JOB}"
"""Exporters whose metrics are about the node that they run on."""
_QUEUE = {"max_samples_per_send": 1000, "max_shards": 200, "capacity": 2500}
"""Few, full requests, as operators of remote stores recommend."""
_SIMULATED = re.sub(r"\W", "_", SIMULATED_LABEL)
_CADVISOR_METRICS = "container_(cpu|memory|network|fs)_.+|machine_.+"


def prometheus_config(
    settings: Monitoring,
    stack: str,
    platform: str,
    teams: Sequence[str],
    alertmanager: str,
    devices: Sequence[str] = (),
    gateway: str | None = None,
    registry: str | None = None,
    store: RemoteWrite | None = None,
) -> Config:
    """`teams` are the namespaces of endpoints and jobs, `devices` those of exporters with access to GPU devices,
    `gateway` that of the gateway's proxies; `alertmanager` is the name label of its pod, `registry` the address of the
    registry's metrics, and `store` the target of remote write."""
    interval = f"{settings.scrape_interval}s"
    team_jobs = [_serving(teams), _training(teams, settings.scrape_interval)] if teams else []
    return {
        "global": {"scrape_interval": interval, "evaluation_interval": interval, "external_labels": {"stack": stack}},
        "rule_files": ["rules.yml"],
        "alerting": {"alertmanagers": [_alertmanager(platform, alertmanager)]},
        "scrape_configs": [
            _own([platform, *devices]),
            _kubelets(KUBELET_JOB, "/metrics", [_drop("__name__", ".+_bucket")]),
            _kubelets(CADVISOR_JOB, "/metrics/cadvisor", [_keep("__name__", _CADVISOR_METRICS)]),
            *team_jobs,
            *([_gateway(gateway, settings.scrape_interval)] if gateway else []),
            *([{"job_name": REGISTRY, "static_configs": [{"targets": [registry]}]}] if registry else []),
        ],
        **({"remote_write": [_remote_write(store)]} if store else {}),
    }


def _remote_write(store: RemoteWrite) -> Config:
    return {"url": store.url, **store.signing, "queue_config": _QUEUE}


def _alertmanager(platform: str, name: str) -> Config:
    """Discovers the pod itself: a connection through a Service that is not programmed on the node yet could hang."""
    return {
        "kubernetes_sd_configs": [_pods([platform])],
        "relabel_configs": [
            _keep(f"{_LABEL}name", name),
            _keep("__meta_kubernetes_pod_container_port_name", METRICS_PORT_NAME),
        ],
    }


def _own(namespaces: Sequence[str]) -> Config:
    """The platform's own pods. Labels that they export (of other pods and nodes) win over those of the target."""
    return {
        "job_name": "platform",
        "honor_labels": True,
        "kubernetes_sd_configs": [_pods(namespaces)],
        "relabel_configs": [
            _keep("__meta_kubernetes_pod_container_port_name", METRICS_PORT_NAME),
            _label("job", f"{_LABEL}name"),
            _label("instance", "__meta_kubernetes_pod_name"),
            _label("node", f"{_LABEL}name", "__meta_kubernetes_pod_node_name", regex=f"(?:{_NODE_AGENTS});(.+)"),
        ],
        "metric_relabel_configs": [_label("node", "__name__", "Hostname", regex="DCGM_.+;(.+)")],
    }


def _kubelets(job: str, path: str, kept: Sequence[Config]) -> Config:
    """Kubelets of real nodes; simulated nodes have none."""
    return {
        "job_name": job,
        "metrics_path": path,
        "honor_timestamps": False,
        **_KUBELET_TLS,
        "kubernetes_sd_configs": [{"role": "node"}],
        "relabel_configs": [
            _drop(f"__meta_kubernetes_node_label_{_SIMULATED}", "true"),
            _label("node", "__meta_kubernetes_node_name"),
            _label("instance", "__meta_kubernetes_node_name"),
        ],
        "metric_relabel_configs": list(kept),
    }


def _serving(teams: Sequence[str]) -> Config:
    """Pods of endpoints. Serving images are user code, so samples per scrape are limited."""
    return {
        "job_name": "serving",
        "sample_limit": _SAMPLE_LIMIT,
        "kubernetes_sd_configs": [_pods(teams)],
        "relabel_configs": [
            _keep(f"{_LABEL}component", "serving"),
            _keep("__meta_kubernetes_pod_container_port_name", "http"),
            _label("namespace", "__meta_kubernetes_namespace"),
            _label("endpoint", f"{_LABEL}name"),
            _label("pod", "__meta_kubernetes_pod_name"),
            _label("node", "__meta_kubernetes_pod_node_name"),
            _label("instance", "__meta_kubernetes_pod_name"),
        ],
        "metric_relabel_configs": [_NOT_THEIRS],
    }


def _training(teams: Sequence[str], interval: int) -> Config:
    """Running pods of jobs, declared or created by hand, with a metrics port.

    Scraped often, since jobs may be short. Training images are user code, so samples per scrape are limited.
    """
    return {
        "job_name": "training",
        "scrape_interval": f"{min(interval, _TRAINING_INTERVAL)}s",
        "sample_limit": _SAMPLE_LIMIT,
        "kubernetes_sd_configs": [_pods(teams)],
        "relabel_configs": [
            _keep(_JOB, ".+"),
            _keep("__meta_kubernetes_pod_container_port_name", METRICS_PORT_NAME),
            _drop(f"__meta_kubernetes_pod_label_{_SIMULATED}", "true"),
            _label("namespace", "__meta_kubernetes_namespace"),
            _label("job_name", _JOB),
            _label("pod", "__meta_kubernetes_pod_name"),
            _label("node", "__meta_kubernetes_pod_node_name"),
            _label("instance", "__meta_kubernetes_pod_name"),
        ],
        "metric_relabel_configs": [_NOT_THEIRS],
    }


def _gateway(namespace: str, interval: int) -> Config:
    """Envoy's metrics, by the endpoint and the release that a route leads to instead of the name of a cluster."""
    return {
        "job_name": "gateway",
        "scrape_interval": f"{min(interval, _GATEWAY_INTERVAL)}s",
        "kubernetes_sd_configs": [_pods([namespace])],
        "relabel_configs": [
            _keep("__meta_kubernetes_pod_container_port_name", METRICS_PORT_NAME),
            _label("instance", "__meta_kubernetes_pod_name"),
            _label("node", "__meta_kubernetes_pod_node_name"),
        ],
        "metric_relabel_configs": [
            _keep("__name__", "|".join(sorted(GATEWAY))),
            *(
                _label(target, "envoy_cluster_name", regex="httproute/([^/]+)/([^/]+)/rule/0/.+", value=value)
                for target, value in (("namespace", "$1"), ("endpoint", "$2"))
            ),
            *(
                _label("release", "envoy_cluster_name", regex=f"httproute/.+/rule/0/backend/{number}", value=release)
                for number, release in enumerate((STABLE, CANARY))
            ),
        ],
    }


def _pods(namespaces: Sequence[str]) -> Config:
    """Running pods only: completed ones cannot be scraped."""
    selectors = [{"role": "pod", "field": "status.phase=Running"}]
    return {"role": "pod", "namespaces": {"names": list(namespaces)}, "selectors": selectors}


def _keep(source: str, regex: str) -> Config:
    return {"source_labels": [source], "regex": regex, "action": "keep"}


def _drop(source: str, regex: str) -> Config:
    return {"source_labels": [source], "regex": regex, "action": "drop"}


_NOT_THEIRS = _drop("__name__", "|".join(("envoy_.+", *sorted(RECORDED))))
"""A team's code must not add to what the gateway measures and rules record, on which other teams depend."""


def _label(target: str, *sources: str, regex: str = "(.+)", value: str = "") -> Config:
    replacement = {"replacement": value} if value else {}
    return {"source_labels": list(sources), "regex": regex, "target_label": target, **replacement}

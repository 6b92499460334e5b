"""Prometheus's configuration: where metrics are found. Nothing is listed: targets are asked of the API server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from infra.declaration.monitoring import Monitoring
from infra.naming import SIMULATED_LABEL

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
PORT_NAME = "metrics"
COMPONENT = "monitoring"
NODE_EXPORTER = "node-exporter"

Config = Mapping[str, Any]

_LABEL = "__meta_kubernetes_pod_label_app_kubernetes_io_"
_ASK_KUBELETS = {
    "scheme": "https",
    "authorization": {"credentials_file": f"{ACCOUNT}/token"},
    "tls_config": {"ca_file": f"{ACCOUNT}/ca.crt"},
}
_OF_CONTAINERS = "container_(cpu|memory|network|fs)_.+|machine_.+"


def prometheus_config(
    settings: Monitoring, stack: str, platform: str, teams: Sequence[str], alertmanager: str
) -> Config:
    """`teams` are the namespaces in which endpoints are found, `alertmanager` is the name that its pod bears."""
    every = f"{settings.scrape_interval}s"
    serving = [_serving(teams)] if teams else []
    return {
        "global": {"scrape_interval": every, "evaluation_interval": every, "external_labels": {"stack": stack}},
        "rule_files": ["rules.yml"],
        "alerting": {"alertmanagers": [_alertmanager(platform, alertmanager)]},
        "scrape_configs": [
            _own(platform),
            _kubelets("kubelet", "/metrics", [_drop("__name__", ".+_bucket")]),
            _kubelets("cadvisor", "/metrics/cadvisor", [_keep("__name__", _OF_CONTAINERS)]),
            *serving,
        ],
    }


def _alertmanager(platform: str, name: str) -> Config:
    """The pod itself: a connection to a Service that no node knows yet would lead anywhere, and be kept."""
    return {
        "kubernetes_sd_configs": [_pods([platform])],
        "relabel_configs": [
            _keep(f"{_LABEL}name", name),
            _keep("__meta_kubernetes_pod_container_port_name", PORT_NAME),
        ],
    }


def _own(platform: str) -> Config:
    """Monitoring's own pods. What they say of other pods and nodes stands above where they run themselves."""
    return {
        "job_name": "monitoring",
        "honor_labels": True,
        "kubernetes_sd_configs": [_pods([platform])],
        "relabel_configs": [
            _keep(f"{_LABEL}component", COMPONENT),
            _keep("__meta_kubernetes_pod_container_port_name", PORT_NAME),
            _label("job", f"{_LABEL}name"),
            _label("instance", "__meta_kubernetes_pod_name"),
            _label("node", f"{_LABEL}name", "__meta_kubernetes_pod_node_name", regex=f"{NODE_EXPORTER};(.+)"),
        ],
        "metric_relabel_configs": [_label("node", "__name__", "Hostname", regex="DCGM_.+;(.+)")],
    }


def _kubelets(job: str, path: str, kept: Sequence[Config]) -> Config:
    """Of real nodes; simulated ones have none."""
    simulated = SIMULATED_LABEL.replace(".", "_").replace("/", "_").replace("-", "_")
    return {
        "job_name": job,
        "metrics_path": path,
        "honor_timestamps": False,
        **_ASK_KUBELETS,
        "kubernetes_sd_configs": [{"role": "node"}],
        "relabel_configs": [
            _drop(f"__meta_kubernetes_node_label_{simulated}", "true"),
            _label("node", "__meta_kubernetes_node_name"),
            _label("instance", "__meta_kubernetes_node_name"),
        ],
        "metric_relabel_configs": list(kept),
    }


def _serving(teams: Sequence[str]) -> Config:
    """Pods of endpoints, under the endpoint's name."""
    return {
        "job_name": "serving",
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
    }


def _pods(namespaces: Sequence[str]) -> Config:
    """Those that run: what has ended answers no more."""
    selectors = [{"role": "pod", "field": "status.phase=Running"}]
    return {"role": "pod", "namespaces": {"names": list(namespaces)}, "selectors": selectors}


def _keep(source: str, regex: str) -> Config:
    return {"source_labels": [source], "regex": regex, "action": "keep"}


def _drop(source: str, regex: str) -> Config:
    return {"source_labels": [source], "regex": regex, "action": "drop"}


def _label(target: str, *sources: str, regex: str = "(.+)") -> Config:
    return {"source_labels": list(sources), "regex": regex, "target_label": target}

"""Prometheus's configuration: where metrics are found. Targets are asked of the API server; listed is none but the
registry, where that stands outside of the cluster."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from infra.catalogue.images import REGISTRY
from infra.catalogue.metrics import CADVISOR_JOB, GPU_EXPORTER_JOB, KUBELET_JOB, NODE_EXPORTER_JOB
from infra.catalogue.names import METRICS_PORT_NAME, SIMULATED_LABEL
from infra.declaration.monitoring import Monitoring
from infra.foundation import RemoteWrite

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"

Config = Mapping[str, Any]

_LABEL = "__meta_kubernetes_pod_label_app_kubernetes_io_"
_JOB = "__meta_kubernetes_pod_label_batch_kubernetes_io_job_name"
_SHORT = 5
"""Seconds."""
_MOST_SAMPLES = 2000
_ASK_KUBELETS = {
    "scheme": "https",
    "authorization": {"credentials_file": f"{ACCOUNT}/token"},
    "tls_config": {"ca_file": f"{ACCOUNT}/ca.crt"},
}
_ON_THEIR_NODE = f"{NODE_EXPORTER_JOB}|{GPU_EXPORTER_JOB}"
"""They speak of the node that they are on."""
_QUEUE = {"max_samples_per_send": 1000, "max_shards": 200, "capacity": 2500}
"""As the makers of such stores advise: few requests, each of them full."""
_SIMULATED = re.sub(r"\W", "_", SIMULATED_LABEL)
_OF_CONTAINERS = "container_(cpu|memory|network|fs)_.+|machine_.+"


def prometheus_config(
    settings: Monitoring,
    stack: str,
    platform: str,
    teams: Sequence[str],
    alertmanager: str,
    devices: Sequence[str] = (),
    registry: str | None = None,
    store: RemoteWrite | None = None,
) -> Config:
    """`teams` are the namespaces in which endpoints are found, `devices` those of exporters that see devices of their
    node; `alertmanager` is the name that its pod bears, `registry` is where the registry tells its metrics, `store`
    keeps all that is collected a second time."""
    every = f"{settings.scrape_interval}s"
    of_teams = [_serving(teams), _training(teams, settings.scrape_interval)] if teams else []
    return {
        "global": {"scrape_interval": every, "evaluation_interval": every, "external_labels": {"stack": stack}},
        "rule_files": ["rules.yml"],
        "alerting": {"alertmanagers": [_alertmanager(platform, alertmanager)]},
        "scrape_configs": [
            _own([platform, *devices]),
            _kubelets(KUBELET_JOB, "/metrics", [_drop("__name__", ".+_bucket")]),
            _kubelets(CADVISOR_JOB, "/metrics/cadvisor", [_keep("__name__", _OF_CONTAINERS)]),
            *of_teams,
            *([{"job_name": REGISTRY, "static_configs": [{"targets": [registry]}]}] if registry else []),
        ],
        **({"remote_write": [_remote_write(store)]} if store else {}),
    }


def _remote_write(store: RemoteWrite) -> Config:
    return {"url": store.url, **store.signing, "queue_config": _QUEUE}


def _alertmanager(platform: str, name: str) -> Config:
    """The pod itself: a connection to a Service that no node knows yet would lead anywhere, and be kept."""
    return {
        "kubernetes_sd_configs": [_pods([platform])],
        "relabel_configs": [
            _keep(f"{_LABEL}name", name),
            _keep("__meta_kubernetes_pod_container_port_name", METRICS_PORT_NAME),
        ],
    }


def _own(namespaces: Sequence[str]) -> Config:
    """The platform's own pods, by name. What they say of other pods and nodes stands above where they run."""
    return {
        "job_name": "platform",
        "honor_labels": True,
        "kubernetes_sd_configs": [_pods(namespaces)],
        "relabel_configs": [
            _keep("__meta_kubernetes_pod_container_port_name", METRICS_PORT_NAME),
            _label("job", f"{_LABEL}name"),
            _label("instance", "__meta_kubernetes_pod_name"),
            _label("node", f"{_LABEL}name", "__meta_kubernetes_pod_node_name", regex=f"(?:{_ON_THEIR_NODE});(.+)"),
        ],
        "metric_relabel_configs": [_label("node", "__name__", "Hostname", regex="DCGM_.+;(.+)")],
    }


def _kubelets(job: str, path: str, kept: Sequence[Config]) -> Config:
    """Of real nodes; simulated ones have none."""
    return {
        "job_name": job,
        "metrics_path": path,
        "honor_timestamps": False,
        **_ASK_KUBELETS,
        "kubernetes_sd_configs": [{"role": "node"}],
        "relabel_configs": [
            _drop(f"__meta_kubernetes_node_label_{_SIMULATED}", "true"),
            _label("node", "__meta_kubernetes_node_name"),
            _label("instance", "__meta_kubernetes_node_name"),
        ],
        "metric_relabel_configs": list(kept),
    }


def _serving(teams: Sequence[str]) -> Config:
    """Pods of endpoints, under the endpoint's name. As with jobs, what they tell may be anybody's code's affair."""
    return {
        "job_name": "serving",
        "sample_limit": _MOST_SAMPLES,
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


def _training(teams: Sequence[str], interval: int) -> Config:
    """Pods of jobs, declared or made by hand, for as long as they run: those that have a port for metrics.

    Asked often, since a job may be short; and not without end, since what it tells is its own code's affair.
    """
    return {
        "job_name": "training",
        "scrape_interval": f"{min(interval, _SHORT)}s",
        "sample_limit": _MOST_SAMPLES,
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

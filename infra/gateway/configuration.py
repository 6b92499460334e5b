"""Configuration files of Envoy Gateway and of Envoy."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from infra.networking.gateway import CONTROLLER, METRICS_PORT, XDS_PORT, controller_name

_ADMIN_PORT = 19000
"""Of Envoy, on loopback: Envoy Gateway's command for draining expects it there."""
CERTIFICATES, SDS = "/certs", "/sds"
"""Folders of the proxy."""
_MOST_CONNECTIONS = 5000
_ACCESS_LOG = {
    "time": "%START_TIME%",
    "caller": "%REQ(X-CALLER)%",
    "method": "%REQ(:METHOD)%",
    "host": "%REQ(:AUTHORITY)%",
    "path": "%REQ_WITHOUT_QUERY(X-ENVOY-ORIGINAL-PATH?:PATH)%",
    "status": "%RESPONSE_CODE%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "milliseconds": "%DURATION%",
    "bytes": "%BYTES_SENT%",
    "route": "%ROUTE_NAME%",
}
"""Without queries and headers in which there are keys."""
_TYPES = "type.googleapis.com/envoy.extensions"


def controller_config(platform: str, namespaces: Sequence[str], *, pages: bool) -> Mapping[str, Any]:
    """Of the controller. It makes no Deployments or Services, and looks into these namespaces only: it need not look
    into that of `pages`, which are given to it by their names in DNS."""
    kubernetes = {"watch": {"type": "Namespaces", "namespaces": list(namespaces)}, "leaderElection": {"disable": True}}
    return {
        "apiVersion": "gateway.envoyproxy.io/v1alpha1",
        "kind": "EnvoyGateway",
        "gateway": {"controllerName": controller_name(platform)},
        "provider": {"type": "Custom", "custom": {"resource": {"type": "Kubernetes", "kubernetes": kubernetes}}},
        "logging": {"level": {"default": "info"}},
        "telemetry": {"metrics": {"prometheus": {"disable": True}}},
        **({"extensionApis": {"enableBackend": True}} if pages else {}),
    }


def proxy_settings() -> Mapping[str, Any]:
    """The spec of the EnvoyProxy: what the controller tells proxies."""
    log = {
        "format": {"type": "JSON", "json": _ACCESS_LOG},
        "sinks": [{"type": "File", "file": {"path": "/dev/stdout"}}],
    }
    return {
        "provider": {"type": "Kubernetes"},
        "telemetry": {"accessLog": {"settings": [log]}},
    }


def sds_files() -> Mapping[str, str]:
    """Where the proxy finds the certificate with which it talks to the controller; read again when they change."""

    def secret(name: str, content: Mapping[str, Any]) -> str:
        kind = f"{_TYPES}.transport_sockets.tls.v3.Secret"
        return json.dumps({"resources": [{"@type": kind, "name": name, **content}]})

    def file(name: str) -> Mapping[str, str]:
        return {"filename": f"{CERTIFICATES}/{name}"}

    own = {"tls_certificate": {"certificate_chain": file("tls.crt"), "private_key": file("tls.key")}}
    is_controller = {"san_type": "DNS", "matcher": {"exact": CONTROLLER}}
    trusted = {"validation_context": {"trusted_ca": file("ca.crt"), "match_typed_subject_alt_names": [is_controller]}}
    return {
        "xds-certificate.json": secret("xds_certificate", own),
        "xds-trusted-ca.json": secret("xds_trusted_ca", trusted),
    }


def bootstrap(namespace: str, heap_bytes: int) -> Mapping[str, Any]:
    """What a proxy knows when it starts: where the controller is. The rest comes from there.

    As Envoy Gateway 1.9 writes it, except that metrics have Prometheus' usual path.
    """
    xds = {"ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"}
    return {
        "admin": {"address": _address("127.0.0.1", _ADMIN_PORT)},
        "stats_config": {"use_all_default_tags": True},
        "layered_runtime": {
            "layers": [{"name": "limits", "static_layer": {"re2.max_program_size.error_level": 2**32 - 1}}]
        },
        "dynamic_resources": {
            "ads_config": {
                "api_type": "DELTA_GRPC",
                "transport_api_version": "V3",
                "grpc_services": [{"envoy_grpc": {"cluster_name": "xds_cluster"}}],
                "set_node_on_first_message_only": True,
            },
            "lds_config": xds,
            "cds_config": xds,
        },
        "static_resources": {
            "listeners": [_metrics_listener()],
            "clusters": [
                _cluster("metrics", "STATIC", "127.0.0.1", _ADMIN_PORT),
                _controller_cluster(f"{CONTROLLER}.{namespace}.svc.cluster.local"),
            ],
        },
        "overload_manager": _limits(heap_bytes),
    }


def _address(host: str, port: int) -> Mapping[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}


def _cluster(name: str, kind: str, host: str, port: int) -> Mapping[str, Any]:
    endpoint = {"endpoint": {"address": _address(host, port)}}
    return {
        "name": name,
        "type": kind,
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _controller_cluster(host: str) -> Mapping[str, Any]:
    def sds(name: str, file: str) -> Mapping[str, Any]:
        source = {"path_config_source": {"path": f"{SDS}/{file}"}, "resource_api_version": "V3"}
        return {"name": name, "sds_config": source}

    keepalive = {"connection_keepalive": {"interval": "30s", "timeout": "5s"}}
    common = {
        "tls_params": {"tls_maximum_protocol_version": "TLSv1_3"},
        "tls_certificate_sds_secret_configs": [sds("xds_certificate", "xds-certificate.json")],
        "validation_context_sds_secret_config": sds("xds_trusted_ca", "xds-trusted-ca.json"),
    }
    tls = {"@type": f"{_TYPES}.transport_sockets.tls.v3.UpstreamTlsContext", "common_tls_context": common}
    http = f"{_TYPES}.upstreams.http.v3.HttpProtocolOptions"
    return {
        **_cluster("xds_cluster", "STRICT_DNS", host, XDS_PORT),
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": http,
                "explicit_http_config": {"http2_protocol_options": keepalive},
            }
        },
        "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": tls},
    }


def _metrics_listener() -> Mapping[str, Any]:
    route = {"match": {"path": "/metrics"}, "route": {"cluster": "metrics", "prefix_rewrite": "/stats/prometheus"}}
    router = {
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": f"{_TYPES}.filters.http.router.v3.Router"},
    }
    manager = {
        "@type": f"{_TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "metrics",
        "normalize_path": True,
        "route_config": {"virtual_hosts": [{"name": "metrics", "domains": ["*"], "routes": [route]}]},
        "http_filters": [router],
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    return {
        "name": "metrics",
        "address": _address("0.0.0.0", METRICS_PORT),
        "bypass_overload_manager": True,
        "filter_chains": [chain],
    }


def _limits(heap_bytes: int) -> Mapping[str, Any]:
    """It gives memory back, and then refuses requests, before the kernel ends it."""
    heap, connections = (
        "envoy.resource_monitors.fixed_heap",
        "envoy.resource_monitors.global_downstream_max_connections",
    )

    def when(action: str, share: float) -> Mapping[str, Any]:
        trigger = {"name": heap, "threshold": {"value": share}}
        return {"name": f"envoy.overload_actions.{action}", "triggers": [trigger]}

    monitors = f"{_TYPES}.resource_monitors"
    return {
        "refresh_interval": "0.25s",
        "resource_monitors": [
            {
                "name": connections,
                "typed_config": {
                    "@type": f"{monitors}.downstream_connections.v3.DownstreamConnectionsConfig",
                    "max_active_downstream_connections": _MOST_CONNECTIONS,
                },
            },
            {
                "name": heap,
                "typed_config": {
                    "@type": f"{monitors}.fixed_heap.v3.FixedHeapConfig",
                    "max_heap_size_bytes": heap_bytes,
                },
            },
        ],
        "actions": [when("shrink_heap", 0.9), when("stop_accepting_requests", 0.95)],
    }

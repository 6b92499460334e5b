"""Names and ports of the gateway, and where routes attach to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from infra.catalogue.names import DOMAIN, PROXY, gateway_namespace, selector
from infra.networking.network_policies import GatewayPods, Pods

CONTROLLER = "envoy-gateway"
"""Of its Deployment, its Service and its Secret: Envoy Gateway looks for these names."""
GATEWAY = "gateway"
"""Of the Gateway."""
PROXY_COMPONENT = "proxy"
"""Of the proxies, by whose labels Envoy Gateway finds them."""
COMPONENT = "gateway"
PROXY_METRICS = "envoy-metrics"
"""A Service without an address: its name leads to all proxies."""
AUTOSCALER, AUTOSCALER_COMPONENT = "autoscaler", "controller"
"""Of the Deployment of what counts requests and scales endpoints."""
XDS_PORT, HEALTH_PORT = 18000, 8081
HTTP_PORT, HTTPS_PORT = 10080, 10443
"""Of the proxy: Envoy Gateway adds 10000 to a listener's privileged port."""
METRICS_PORT, READY_PORT = 19001, 19003
LISTENER, REDIRECT = "https", "http"
"""Of the Gateway."""
LISTENER_PORT = 443
UNDIVIDED = (1_000_000, 1)
"""Weights of the two backends of an endpoint's route while both are the same Service. images/controllers writes them,
too."""
CALLER = "X-Caller"
"""The header in which endpoints get the caller's name."""
PODS = GatewayPods(
    proxies=selector(PROXY, PROXY_COMPONENT),
    controller=selector(CONTROLLER, COMPONENT),
    ports=(HTTP_PORT, HTTPS_PORT),
    xds_port=XDS_PORT,
    metrics_port=METRICS_PORT,
    autoscaler=selector(AUTOSCALER, AUTOSCALER_COMPONENT),
)


def owned(namespace: str) -> Mapping[str, str]:
    """Labels by which Envoy Gateway finds the proxies of the Gateway in this namespace: its own, or those that the
    platform deploys."""
    prefix = "gateway.envoyproxy.io/owning-gateway"
    return {
        "app.kubernetes.io/managed-by": "envoy-gateway",
        f"{prefix}-name": GATEWAY,
        f"{prefix}-namespace": namespace,
    }


def own_proxies(platform: str) -> Pods:
    """Those that the platform deploys."""
    return Pods(gateway_namespace(platform), PODS.proxies)


def proxies_of_existing_class(platform: str, namespace: str) -> Pods:
    """Those that another Envoy Gateway deploys, in its own namespace, for the platform's Gateway."""
    return Pods(namespace, owned(gateway_namespace(platform)))


def controller_name(platform: str) -> str:
    """Which GatewayClasses are those of this platform: others of the cluster may have an Envoy Gateway, too."""
    return f"{DOMAIN}/{platform}"


@dataclass(frozen=True)
class Listener:
    """The gateway's listener for HTTPS, to which routes attach."""

    proxies: Pods
    namespace: str
    """Of the Gateway."""
    https_port: int
    """That callers use."""
    ready: pulumi.Resource
    """What must exist before a route, and until it is gone."""

    @property
    def parent(self) -> dict[str, str]:
        """A route's reference to it."""
        return {"name": GATEWAY, "namespace": self.namespace, "sectionName": LISTENER}

    def url(self, host: str, path: str) -> str:
        """Of what a route leads to."""
        return url(host, self.https_port, path)


def url(host: str, https_port: int, path: str = "") -> str:
    """As callers write it."""
    port = "" if https_port == 443 else f":{https_port}"
    return f"https://{host}{port}{path.rstrip('/')}"

"""Service and Ingress: they are ready when something answers behind them."""

from __future__ import annotations

from ..cluster import Cluster
from ..kinds import GVK
from ..objects import Manifest, name_of, namespace_of
from .verdict import Verdict, Wait, dig

_SLICE = GVK("discovery.k8s.io", "v1", "EndpointSlice")
_SERVICE = GVK("", "v1", "Service")
_NO_PODS_S = 10.0  # a service without any pod counts as ready after this long: its pods may come later
NO_PODS = (
    "Service does not target any Pods. Selected Pods may not be ready, or "
    "field '.spec.selector' may not match labels on any Pods"
)
NO_ADDRESS = "Service was not allocated an IP address; does your cloud provider support this?"


def _endpoints(cluster: Cluster, namespace: str, service: str) -> tuple[int, int]:
    """How many endpoints are ready, and how many are not yet."""
    slices = cluster.list(_SLICE, namespace, labelSelector=f"kubernetes.io/service-name={service}")
    states = [
        dig(endpoint, "conditions", "ready", default=True)
        for part in slices
        for endpoint in part.get("endpoints") or []
    ]
    return states.count(True), states.count(False)


def _wants_pods(live: Manifest) -> bool:
    spec = live["spec"]
    return bool(spec.get("selector")) and spec.get("type") != "ExternalName" and spec.get("clusterIP") != "None"


def service(cluster: Cluster, live: Manifest, age: float) -> Verdict:
    """Ready when selected pods are, and when a load balancer's address is there if one was asked for."""
    addressed = live["spec"].get("type") != "LoadBalancer" or bool(dig(live, "status", "loadBalancer", "ingress"))
    ready, pending = _endpoints(cluster, namespace_of(live), name_of(live)) if _wants_pods(live) else (1, 0)
    settled = not pending and (ready > 0 or age > _NO_PODS_S)
    if addressed and settled:
        return Verdict(True)
    reasons = [*([] if ready else [NO_PODS]), *([] if addressed else [NO_ADDRESS])]
    if not settled:
        return Verdict(False, "[1/3] Finding Pods to direct traffic to", reasons)
    return Verdict(False, "[2/3] Attempting to allocate IP address to Service", reasons)


def service_now(cluster: Cluster, live: Manifest, _age: float) -> Verdict:
    """The same for a refresh, which doesn't wait for pods that may come."""
    return service(cluster, live, _NO_PODS_S + 1)


def ingress(cluster: Cluster, live: Manifest, _age: float) -> Verdict:
    """Ready when each path leads to a service with endpoints and the controller has given an address."""
    namespace = namespace_of(live)
    routes = [
        (path.get("path", ""), dig(path, "backend", "service", "name", default=""))
        for rule in dig(live, "spec", "rules", default=[])
        for path in dig(rule, "http", "paths", default=[])
    ]
    missing = [
        f'No matching service found for ingress rule: "{path}" -> "{name}"'
        for path, name in routes
        if name and not _answers(cluster, namespace, name)
    ]
    if missing:
        return Verdict(False, "[1/3] Finding a matching service for each Ingress path", missing)
    if not dig(live, "status", "loadBalancer", "ingress"):
        short = "Ingress .status.loadBalancer field was not updated with a hostname/IP address"
        return Verdict(False, "[2/3] Waiting for update of .status.loadBalancer with hostname/IP", [short])
    return Verdict(True)


def _answers(cluster: Cluster, namespace: str, name: str) -> bool:
    if _endpoints(cluster, namespace, name)[0]:
        return True
    found = cluster.list(_SERVICE, namespace, fieldSelector=f"metadata.name={name}")
    return any(entry["spec"].get("type") == "ExternalName" for entry in found)


SERVICE = Wait(service)
INGRESS = Wait(ingress)

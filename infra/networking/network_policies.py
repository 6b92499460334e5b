"""Default-deny network policies and their exceptions.

Policies select pods, not Services: Service addresses are translated before policies apply. A kubelet's probes come
from the pod's own node and are always allowed. Pods in the platform's namespace deny ingress, but not egress: the
addresses of the tracking server's artifact store and database are not known in advance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, LabelSelectorRequirementArgs, ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import (
    IPBlockArgs,
    NetworkPolicyEgressRuleArgs,
    NetworkPolicyIngressRuleArgs,
    NetworkPolicyPeerArgs,
    NetworkPolicyPortArgs,
    NetworkPolicySpecArgs,
)

from infra.catalogue.logs import COLLECTOR, COLLECTOR_PODS, READER, READER_PODS, STORE, STORE_PODS, STORE_PORT
from infra.catalogue.names import GPU_CHECK, PLATFORM_LABEL, TEAM_LABEL, gateway_namespace, labels, logs_namespace
from infra.foundation import AllowedEgress, Port

Policies = Mapping[str, NetworkPolicySpecArgs]
"""By name."""

_NAMESPACE_LABEL = "kubernetes.io/metadata.name"
_MONITORING = {"app.kubernetes.io/component": "monitoring"}


@dataclass(frozen=True)
class Destination:
    """Pods that accept connections on one port."""

    namespace: str
    pods: Mapping[str, str]
    port: int


@dataclass(frozen=True)
class Pods:
    """Pods of one namespace."""

    namespace: str
    labels: Mapping[str, str]


@dataclass(frozen=True)
class GatewayPods:
    """Labels and ports of the gateway's pods, and of what counts their requests."""

    proxies: Mapping[str, str]
    controller: Mapping[str, str]
    ports: Sequence[int]
    """Of the proxies."""
    xds_port: int
    """Of the controller."""
    metrics_port: int
    """Of the proxies."""
    autoscaler: Mapping[str, str]
    """In the platform's own namespace."""


def team_policies(tracking: Destination, egress: Sequence[AllowedEgress]) -> Policies:
    """A team's pods reach each other, the tracking server and the foundation's egress; monitoring reaches them."""
    monitoring = _pods(tracking.namespace, _MONITORING)
    return {
        "default-deny": _everything(["Ingress", "Egress"]),
        "same-namespace": _policy(ingress=[_from([_NEIGHBOURS])], egress=[_to([_NEIGHBOURS])]),
        "tracking": _policy(egress=[_to([_pods(tracking.namespace, tracking.pods)], [("TCP", tracking.port)])]),
        "monitoring": _policy(ingress=[_from([monitoring])]),
        **{hole.purpose: _policy(egress=[_to([_peer(hole)], hole.ports)]) for hole in egress},
    }


def workload_policy(pods: Mapping[str, str], egress: Sequence[AllowedEgress]) -> NetworkPolicySpecArgs:
    """What a team's pods with these labels reach besides what all pods of the team do."""
    return _policy(egress=[_to([_peer(hole)], hole.ports) for hole in egress], pods=pods)


def platform_policies(tracking: Destination) -> Policies:
    """Teams of the platform reach the tracking server, and nothing else in the platform's namespace.

    Its own pods reach each other, except those that check GPUs: their image is declared.
    """
    teams = NetworkPolicyPeerArgs(namespace_selector=_team_namespaces(tracking.namespace))
    return {
        "default-deny": _everything(["Ingress"]),
        "same-namespace": _policy(ingress=[_from([_OWN_IMAGES])]),
        "tracking": _policy(ingress=[_from([teams], [("TCP", tracking.port)])], pods=tracking.pods),
    }


def device_policies(platform: str) -> Policies:
    """Only monitoring reaches node agents, and they have no egress."""
    return {
        "default-deny": _everything(["Ingress", "Egress"]),
        "monitoring": _policy(ingress=[_from([_pods(platform, _MONITORING)])]),
    }


def log_policies(platform: str, egress: Sequence[AllowedEgress]) -> Policies:
    """The log collector and the proxy reach the store, which nothing else does, and the foundation's DNS."""
    namespace = logs_namespace(platform)
    clients = [_pods(namespace, each) for each in (COLLECTOR_PODS, READER_PODS)]
    port: list[Port] = [("TCP", STORE_PORT)]
    to_store = _to([_pods(namespace, STORE_PODS)], port)
    return {
        "default-deny": _everything(["Ingress", "Egress"]),
        STORE: _policy(ingress=[_from(clients, port)], pods=STORE_PODS),
        COLLECTOR: _policy(egress=[to_store], pods=COLLECTOR_PODS),
        READER: _policy(egress=[to_store], pods=READER_PODS),
        **{hole.purpose: _policy(egress=[_to([_peer(hole)], hole.ports)]) for hole in egress},
    }


def queue_policies(port: int) -> Policies:
    """The API server calls the controller of queues and is called by it; no policy can select the API server."""
    return {
        "default-deny": _everything(["Ingress", "Egress"]),
        "controller": NetworkPolicySpecArgs(
            pod_selector=LabelSelectorArgs(),
            policy_types=["Ingress", "Egress"],
            ingress=[NetworkPolicyIngressRuleArgs(ports=_ports([("TCP", port)]))],
            egress=[NetworkPolicyEgressRuleArgs()],
        ),
    }


def gateway_policies(
    platform: str, pods: GatewayPods, egress: Sequence[AllowedEgress], pages: Sequence[Destination] = ()
) -> Policies:
    """Anybody reaches the proxies, which reach endpoints, the platform's pages and their controller."""
    namespace = gateway_namespace(platform)
    proxies, controller = _pods(namespace, pods.proxies), _pods(namespace, pods.controller)
    endpoints = NetworkPolicyPeerArgs(
        namespace_selector=_team_namespaces(platform),
        pod_selector=LabelSelectorArgs(match_labels={"app.kubernetes.io/component": "serving"}),
    )
    xds: list[Port] = [("TCP", pods.xds_port)]
    return {
        "default-deny": _everything(["Ingress", "Egress"]),
        "proxies": NetworkPolicySpecArgs(
            pod_selector=LabelSelectorArgs(match_labels=dict(pods.proxies)),
            policy_types=["Ingress", "Egress"],
            ingress=[NetworkPolicyIngressRuleArgs(ports=_ports([("TCP", port) for port in pods.ports]))],
            egress=[
                _to([endpoints]),
                _to([controller], xds),
                *(_to([_pods(each.namespace, each.pods)], [("TCP", each.port)]) for each in pages),
            ],
        ),
        "controller": NetworkPolicySpecArgs(
            pod_selector=LabelSelectorArgs(match_labels=dict(pods.controller)),
            policy_types=["Ingress", "Egress"],
            ingress=[_from([proxies], xds)],
            egress=[NetworkPolicyEgressRuleArgs()],
        ),
        "monitoring": _policy(ingress=[_from([_pods(platform, _MONITORING)])], pods=pods.proxies),
        "autoscaler": _policy(
            ingress=[_from([_pods(platform, pods.autoscaler)], [("TCP", pods.metrics_port)])], pods=pods.proxies
        ),
        **{hole.purpose: _policy(egress=[_to([_peer(hole)], hole.ports)]) for hole in egress},
    }


def no_pods_policies() -> Policies:
    """Of a namespace for other objects than pods."""
    return {"default-deny": _everything(["Ingress", "Egress"])}


def routed_policy(pods: Mapping[str, str], proxies: Pods, port: int) -> NetworkPolicySpecArgs:
    """The proxies of the gateway reach an endpoint, or a page."""
    return _policy(ingress=[_from([_pods(proxies.namespace, proxies.labels)], [("TCP", port)])], pods=pods)


def gpu_check_policies() -> Policies:
    """Their image is declared, not the platform's own: they have no egress."""
    pods = LabelSelectorArgs(match_labels={"app.kubernetes.io/component": GPU_CHECK})
    return {GPU_CHECK: NetworkPolicySpecArgs(pod_selector=pods, policy_types=["Ingress", "Egress"])}


def network_policies(namespace: str, policies: Policies, opts: pulumi.ResourceOptions) -> list[pulumi.Resource]:
    """The policies of one namespace."""
    return [
        kubernetes.networking.v1.NetworkPolicy(
            f"{namespace}-{name}",
            metadata=ObjectMetaArgs(name=name, namespace=namespace, labels=labels(name, "network")),
            spec=spec,
            opts=opts,
        )
        for name, spec in policies.items()
    ]


_NEIGHBOURS = NetworkPolicyPeerArgs(pod_selector=LabelSelectorArgs())
_OWN_IMAGES = NetworkPolicyPeerArgs(
    pod_selector=LabelSelectorArgs(
        match_expressions=[
            LabelSelectorRequirementArgs(key="app.kubernetes.io/component", operator="NotIn", values=[GPU_CHECK])
        ]
    )
)


def _team_namespaces(platform: str) -> LabelSelectorArgs:
    return LabelSelectorArgs(
        match_labels={PLATFORM_LABEL: platform},
        match_expressions=[LabelSelectorRequirementArgs(key=TEAM_LABEL, operator="Exists")],
    )


def _pods(namespace: str, pods: Mapping[str, str]) -> NetworkPolicyPeerArgs:
    return NetworkPolicyPeerArgs(
        namespace_selector=LabelSelectorArgs(match_labels={_NAMESPACE_LABEL: namespace}),
        pod_selector=LabelSelectorArgs(match_labels=dict(pods)),
    )


def _peer(hole: AllowedEgress) -> NetworkPolicyPeerArgs:
    if hole.cidr is not None:
        return NetworkPolicyPeerArgs(ip_block=IPBlockArgs(cidr=hole.cidr))
    assert hole.namespace is not None, f"the hole '{hole.purpose}' leads nowhere"
    return _pods(hole.namespace, hole.pods)


def _ports(ports: Sequence[Port]) -> list[NetworkPolicyPortArgs] | None:
    return [NetworkPolicyPortArgs(protocol=protocol, port=port) for protocol, port in ports] or None


def _from(peers: list[NetworkPolicyPeerArgs], ports: Sequence[Port] = ()) -> NetworkPolicyIngressRuleArgs:
    return NetworkPolicyIngressRuleArgs(from_=peers, ports=_ports(ports))


def _to(peers: list[NetworkPolicyPeerArgs], ports: Sequence[Port] = ()) -> NetworkPolicyEgressRuleArgs:
    return NetworkPolicyEgressRuleArgs(to=peers, ports=_ports(ports))


def _everything(directions: list[str]) -> NetworkPolicySpecArgs:
    """Denies all traffic of the namespace's pods; other policies add exceptions."""
    return NetworkPolicySpecArgs(pod_selector=LabelSelectorArgs(), policy_types=directions)


def _policy(
    ingress: list[NetworkPolicyIngressRuleArgs] | None = None,
    egress: list[NetworkPolicyEgressRuleArgs] | None = None,
    pods: Mapping[str, str] | None = None,
) -> NetworkPolicySpecArgs:
    directions = {"Ingress": ingress, "Egress": egress}
    return NetworkPolicySpecArgs(
        pod_selector=LabelSelectorArgs(match_labels=dict(pods)) if pods else LabelSelectorArgs(),
        policy_types=[name for name, rules in directions.items() if rules],
        ingress=ingress,
        egress=egress,
    )

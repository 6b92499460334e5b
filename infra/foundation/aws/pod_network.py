"""Egress that every pod needs, and the enforcement of network policies."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import ConfigMapPatch
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs, ObjectMetaPatchArgs

from infra.catalogue.names import labels
from infra.foundation.contract import AllowedEgress, DomainEgress, Port

_NAME = "amazon-vpc-cni"
_POD_IDENTITY_AGENT = "169.254.170.23/32"
_TENTH = 10


def enforced_policies(opts: pulumi.ResourceOptions) -> ConfigMapPatch:
    """EKS Auto Mode does not enforce network policies without this ConfigMap.

    The patch creates it, or adds to one that is there.
    """
    return ConfigMapPatch(
        _NAME,
        metadata=ObjectMetaPatchArgs(name=_NAME, namespace="kube-system", labels=labels(_NAME, "network")),
        data={"enable-network-policy-controller": "true"},
        opts=opts,
    )


def dns_address(service_cidr: str) -> str:
    """Auto Mode runs DNS on each node, at the tenth address of the service CIDR: there is no pod to select."""
    return str(ipaddress.IPv4Network(service_cidr)[_TENTH])


def egress(service_cidr: str) -> list[AllowedEgress]:
    """DNS."""
    return [AllowedEgress("dns", [("UDP", 53), ("TCP", 53)], cidr=f"{dns_address(service_cidr)}/32")]


IDENTITY = AllowedEgress("identity", [("TCP", 80)], cidr=_POD_IDENTITY_AGENT)
"""The EKS Pod Identity agent, which gives pods the credentials of their role."""


def domain_egress(service_cidr: str) -> DomainEgress:
    """Network policies of EKS Auto Mode know DNS names.

    Such a policy adds to the NetworkPolicies of the same pods. It learns a name's addresses from the answers that the
    pod gets, so it names the DNS server, too.
    """
    dns = egress(service_cidr)

    def allow(
        name: str,
        namespace: str,
        pods: Mapping[str, str],
        hosts: Sequence[tuple[str, int]],
        opts: pulumi.ResourceOptions,
    ) -> pulumi.Resource:
        return CustomResource(
            f"{namespace}-{name}",
            api_version="networking.k8s.aws/v1alpha1",
            kind="ApplicationNetworkPolicy",
            metadata=ObjectMetaArgs(name=name, namespace=namespace, labels=labels(name, "network")),
            spec={
                "podSelector": {"matchLabels": dict(pods)},
                "policyTypes": ["Egress"],
                "egress": [
                    *(_rule({"ipBlock": {"cidr": each.cidr}}, each.ports) for each in dns),
                    *(_rule({"domainNames": [host]}, [("TCP", port)]) for host, port in hosts),
                ],
            },
            opts=opts,
        )

    return allow


def _rule(peer: Mapping[str, object], ports: Sequence[Port]) -> dict[str, object]:
    return {"to": [dict(peer)], "ports": [{"protocol": protocol, "port": port} for protocol, port in ports]}

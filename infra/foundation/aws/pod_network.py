"""Egress that every pod needs, and the enforcement of network policies."""

from __future__ import annotations

import ipaddress

import pulumi
from pulumi_kubernetes.core.v1 import ConfigMapPatch
from pulumi_kubernetes.meta.v1 import ObjectMetaPatchArgs

from infra.catalogue.names import labels
from infra.foundation.contract import AllowedEgress

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
    """DNS, and the EKS Pod Identity agent."""
    return [
        AllowedEgress("dns", [("UDP", 53), ("TCP", 53)], cidr=f"{dns_address(service_cidr)}/32"),
        AllowedEgress("identity", [("TCP", 80)], cidr=_POD_IDENTITY_AGENT),
    ]

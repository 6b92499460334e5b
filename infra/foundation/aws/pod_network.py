"""What pods reach of the VPC itself, and that policies between pods are enforced at all."""

from __future__ import annotations

import ipaddress

import pulumi
from pulumi_kubernetes.core.v1 import ConfigMap
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.catalogue.names import labels
from infra.foundation.contract import AllowedEgress

_NAME = "amazon-vpc-cni"
_POD_IDENTITY_AGENT = "169.254.170.23/32"
_TENTH = 10


def enforced_policies(opts: pulumi.ResourceOptions) -> ConfigMap:
    """In EKS's Auto Mode network policies are only stored until this says otherwise.

    The network's add-on for managed nodes brings the same object: whichever comes second finds it there.
    """
    return ConfigMap(
        _NAME,
        metadata=ObjectMetaArgs(name=_NAME, namespace="kube-system", labels=labels(_NAME, "network")),
        data={"enable-network-policy-controller": "true"},
        opts=opts,
    )


def dns_address(service_cidr: str) -> str:
    """Auto Mode answers names on each node, at the tenth address of the Services' network: no pod to select."""
    return str(ipaddress.IPv4Network(service_cidr)[_TENTH])


def egress(service_cidr: str) -> list[AllowedEgress]:
    """DNS, and the agent that hands pods their role."""
    return [
        AllowedEgress("dns", [("UDP", 53), ("TCP", 53)], cidr=f"{dns_address(service_cidr)}/32"),
        AllowedEgress("identity", [("TCP", 80)], cidr=_POD_IDENTITY_AGENT),
    ]

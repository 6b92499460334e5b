"""What pods reach of the place itself, and that policies between pods are enforced at all."""

from __future__ import annotations

import ipaddress

import pulumi
from pulumi_kubernetes.core.v1 import ConfigMapPatch
from pulumi_kubernetes.meta.v1 import ObjectMetaPatchArgs

from infra.catalogue.names import labels
from infra.foundation.contract import NetworkHole

_NAME = "amazon-vpc-cni"
_POD_IDENTITY_AGENT = "169.254.170.23/32"
_TENTH = 10


def enforced_policies(opts: pulumi.ResourceOptions) -> ConfigMapPatch:
    """In EKS's Auto Mode network policies are only stored until this says otherwise.

    The network's add-on for managed nodes creates the same object: a patch creates it or adds to it.
    """
    return ConfigMapPatch(
        _NAME,
        metadata=ObjectMetaPatchArgs(name=_NAME, namespace="kube-system", labels=labels(_NAME, "network")),
        data={"enable-network-policy-controller": "true"},
        opts=opts,
    )


def dns_address(service_cidr: str) -> str:
    """Auto Mode answers names on each node, at the tenth address of the Services' network: no pod to select."""
    return str(ipaddress.IPv4Network(service_cidr)[_TENTH])


def egress(service_cidr: str) -> list[NetworkHole]:
    """DNS, and the agent that hands pods their role."""
    return [
        NetworkHole("dns", [("UDP", 53), ("TCP", 53)], cidr=f"{dns_address(service_cidr)}/32"),
        NetworkHole("identity", [("TCP", 80)], cidr=_POD_IDENTITY_AGENT),
    ]

"""The Network Load Balancer in front of the gateway, which EKS Auto Mode creates for its Service."""

from __future__ import annotations

from infra.declaration.aws.settings import AwsFoundation
from infra.declaration.entrances import AwsEntrance
from infra.foundation.contract import Entrance

_CLASS = "eks.amazonaws.com/nlb"
_PREFIX = "service.beta.kubernetes.io/aws-load-balancer"


def entrance(settings: AwsEntrance, aws: AwsFoundation) -> Entrance:
    """It terminates TLS with the declared certificate, and encrypts again towards the gateway, without a check of its
    certificate. https://docs.aws.amazon.com/eks/latest/userguide/auto-configure-nlb.html
    """
    return Entrance(
        type="LoadBalancer",
        annotations={
            f"{_PREFIX}-scheme": settings.scheme,
            f"{_PREFIX}-nlb-target-type": "ip",
            f"{_PREFIX}-ssl-cert": settings.certificate,
            f"{_PREFIX}-ssl-ports": "443",
            f"{_PREFIX}-ssl-negotiation-policy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
            f"{_PREFIX}-backend-protocol": "ssl",
            f"{_PREFIX}-alpn-policy": "HTTP2Preferred",
        },
        load_balancer_class=_CLASS,
        source_cidrs=settings.source_cidrs or (aws.network.cidr, *aws.network.peers),
        reaches_pods=True,
        has_certificate=True,
    )

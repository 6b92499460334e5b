"""How a canary that gets mirrored requests finds the endpoint's pods, to compare its answers with theirs.

Pods of a team reach each other. The endpoint's own pods need no setting, so that a canary that comes or goes replaces
none of them: they keep digests of their answers while a canary asks for these.
"""

from __future__ import annotations

from typing import Final

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.core.v1 import ServicePortArgs, ServiceSpecArgs

from infra.workloads.deployment import HTTP, DeploymentFactory
from infra.workloads.serving.canary import pods_name

_SKIP_AWAIT: Final = {"pulumi.com/skipAwait": "true"}


def stable_pods(endpoint: DeploymentFactory, port: int) -> pulumi.Resource:
    """A headless Service: its name has the addresses of all pods, also of those that start or end."""
    metadata = endpoint.metadata
    metadata.name, metadata.annotations = pods_name(endpoint.name), _SKIP_AWAIT
    spec = ServiceSpecArgs(
        cluster_ip="None",
        publish_not_ready_addresses=True,
        selector=endpoint.selector,
        ports=[ServicePortArgs(name=HTTP, port=port, target_port=HTTP)],
    )
    opts = pulumi.ResourceOptions(parent=endpoint.parent, depends_on=[endpoint.workspace])
    return kubernetes.core.v1.Service(pods_name(endpoint.name), metadata=metadata, spec=spec, opts=opts)


def shadow_env(endpoint: str, port: int) -> dict[str, str]:
    """Of the canary."""
    return {"STABLE_PODS": f"{pods_name(endpoint)}:{port}"}

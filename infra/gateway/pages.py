"""The way from the gateway to the platform's own pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pulumi

from infra.networking.gateway import GATEWAY, LISTENER, PODS
from infra.networking.network_policies import Destination, network_policies, routed_policy
from infra.tenancy import Workspace

LONGEST = 3600
"""Seconds that a request may take, and that the gateway may take to receive it: files are sent to MLflow."""
_GROUP = "gateway.envoyproxy.io"


@dataclass(frozen=True)
class Page:
    """`name` is that of its Service."""

    name: str
    host: str
    url: str
    pods: Destination


def reachable(platform: str, pages: list[Page], own: Workspace, parent: pulumi.Resource) -> list[pulumi.Resource]:
    """Policies of the platform's own namespace, which let proxies in."""
    policies = {
        f"{page.name}-gateway": routed_policy(platform, page.pods.pods, PODS.proxies, page.pods.port) for page in pages
    }
    return network_policies(own.namespace, policies, pulumi.ResourceOptions(parent=parent, depends_on=[own]))


def specs(page: Page) -> Iterator[tuple[str, Mapping[str, object]]]:
    """By kind, in the order of their creation. They are in the gateway's namespace: a Backend has the Service's name in
    DNS, so that the controller need not read the platform's namespace, Secrets and all.
    """
    fqdn = {"hostname": f"{page.name}.{page.pods.namespace}.svc.cluster.local", "port": page.pods.port}
    yield "Backend", {"endpoints": [{"fqdn": fqdn}]}
    rule = {
        "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
        "backendRefs": [{"group": _GROUP, "kind": "Backend", "name": page.name}],
        "timeouts": {"request": f"{LONGEST}s"},
    }
    parent = {"name": GATEWAY, "sectionName": LISTENER}
    yield "HTTPRoute", {"parentRefs": [parent], "hostnames": [page.host], "rules": [rule]}

"""The way from the gateway to the platform's own pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pulumi

from infra.catalogue.images import TRACKING
from infra.gateway.objects import ENVOY, STANDARD
from infra.networking.gateway import GATEWAY, LISTENER
from infra.networking.network_policies import Destination, Pods, network_policies, routed_policy
from infra.tenancy import Workspace

LONGEST = 600
"""Seconds that a request may take, and that the gateway may take to receive it: files are sent to MLflow."""
_LARGEST, _AT_ONCE = 2**21, 64
"""Bytes of a request, and requests, before a page may have asked for a login: MLflow holds each in memory, twice."""
_FILES = {TRACKING: [f"/{api}/2.0/mlflow-artifacts/artifacts" for api in ("api", "ajax-api")]}
"""Paths of files, for which the page asks for a login before it reads them."""


@dataclass(frozen=True)
class Page:
    """`name` is that of its Service."""

    name: str
    host: str
    url: str
    pods: Destination


def reachable(proxies: Pods, pages: Sequence[Page], own: Workspace, parent: pulumi.Resource) -> list[pulumi.Resource]:
    """Policies of the platform's own namespace, which let proxies in."""
    policies = {f"{page.name}-gateway": routed_policy(page.pods.pods, proxies, page.pods.port) for page in pages}
    return network_policies(own.namespace, policies, pulumi.ResourceOptions(parent=parent, depends_on=[own]))


def grant(pages: Sequence[Page], gateway: str) -> Mapping[str, object]:
    """The spec of a ReferenceGrant: routes in the namespace `gateway` may name the Services of pages."""
    routes = {"group": STANDARD, "kind": "HTTPRoute", "namespace": gateway}
    return {"from": [routes], "to": [{"group": "", "kind": "Service", "name": page.name} for page in pages]}


def specs(page: Page, *, granted: bool) -> Iterator[tuple[str, str, Mapping[str, object]]]:
    """By kind and name, in the order of their creation. They are in the gateway's namespace. Unless routes are
    `granted` the page's Service, a Backend has its name in DNS: the platform's own controller need not read the
    platform's namespace, Secrets and all.
    """
    backend: Mapping[str, object] = {"name": page.name, "namespace": page.pods.namespace, "port": page.pods.port}
    if not granted:
        fqdn = {"hostname": f"{page.name}.{page.pods.namespace}.svc.cluster.local", "port": page.pods.port}
        yield "Backend", page.name, {"endpoints": [{"fqdn": fqdn}]}
        backend = {"group": ENVOY, "kind": "Backend", "name": page.name}
    limits = {
        "targetRefs": [{"group": STANDARD, "kind": "HTTPRoute", "name": page.name}],
        "requestBuffer": {"limit": str(_LARGEST)},
        "circuitBreaker": {"maxParallelRequests": _AT_ONCE},
    }
    yield "BackendTrafficPolicy", page.name, limits
    yield "HTTPRoute", page.name, _route(page, ["/"], backend)
    if page.name in _FILES:
        yield "HTTPRoute", f"{page.name}-files", _route(page, _FILES[page.name], backend)


def _route(page: Page, paths: Sequence[str], backend: Mapping[str, object]) -> Mapping[str, object]:
    rule = {
        "matches": [{"path": {"type": "PathPrefix", "value": path}} for path in paths],
        "backendRefs": [backend],
        "timeouts": {"request": f"{LONGEST}s"},
    }
    parent = {"name": GATEWAY, "sectionName": LISTENER}
    return {"parentRefs": [parent], "hostnames": [page.host], "rules": [rule]}

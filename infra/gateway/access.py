"""What the gateway's controller may do: read what routes are made of, in its own namespace and those of exposed
endpoints, and write their status. Upstream's role also creates Deployments and Services, which the stack does here."""

from __future__ import annotations

from infra.tenancy.rbac import READ
from infra.workloads.api_access import Access

_STANDARD, _ENVOY = "gateway.networking.k8s.io", "gateway.envoyproxy.io"
_KINDS = ("backends", "backendtrafficpolicies", "clienttrafficpolicies", "securitypolicies")
_ROUTES = ("gateways", "httproutes")

ACCESS = Access(
    cluster_wide=[
        ("", ("namespaces", "nodes"), READ),
        (_STANDARD, ("gatewayclasses",), (*READ, "patch", "update")),
        (_STANDARD, ("gatewayclasses/status",), ("update",)),
    ],
    namespaced=[
        ("", ("configmaps", "secrets", "services"), READ),
        ("apps", ("daemonsets", "deployments"), READ),
        ("discovery.k8s.io", ("endpointslices",), READ),
        (_ENVOY, ("envoyproxies", *_KINDS), READ),
        (_ENVOY, tuple(f"{kind}/status" for kind in ("envoyproxies", *_KINDS)), ("update",)),
        (_STANDARD, (*_ROUTES, "referencegrants"), READ),
        (_STANDARD, tuple(f"{kind}/status" for kind in _ROUTES), ("update",)),
    ],
)

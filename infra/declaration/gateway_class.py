"""A GatewayClass that exists already in the declaration: what it can't do, or has settings of its own for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, WithJsonSchema

from infra.catalogue.names import gateway_namespace
from infra.declaration.problems import Problem
from infra.declaration.types import matching

if TYPE_CHECKING:
    from infra.declaration.model import Platform

_SUBDOMAIN = r"^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
ENVOY_NAMESPACE = "envoy-gateway-system"
"""Where Envoy Gateway's own installation puts it and its proxies."""
GatewayClassName = Annotated[
    str,
    AfterValidator(matching(_SUBDOMAIN, "the name of a GatewayClass", "one that `kubectl get gatewayclasses` lists")),
    WithJsonSchema({"type": "string", "pattern": _SUBDOMAIN, "maxLength": 253}),
]
_CLASS = "gateway.gatewayClassName"


def existing_classes_are_in_existing_clusters(platform: Platform, root: Path) -> Iterator[Problem]:
    """The local cluster has no Envoy Gateway but the platform's."""
    if _existing(platform) is not None and platform.foundation.local is not None:
        yield Problem(_CLASS, "the cluster of the local foundation has no Envoy Gateway of its own; remove it")


def existing_classes_have_proxies_of_their_own(platform: Platform, root: Path) -> Iterator[Problem]:
    """Neither the proxies nor their load balancer are the platform's."""
    gateway, name = platform.gateway, _existing(platform)
    if gateway is None or name is None:
        return
    theirs = f"those of GatewayClass '{name}' are used; set it in the EnvoyProxy of the class, and remove this"
    if "replicas" in gateway.model_fields_set:
        yield Problem("gateway.replicas", f"the platform deploys no proxies, {theirs}")
    for foundation in ("aws", "cluster", "local"):
        if getattr(gateway, foundation) is not None:
            yield Problem(f"gateway.{foundation}", f"the platform creates no load balancer or ports, {theirs}")


def proxies_of_existing_classes_are_elsewhere(platform: Platform, root: Path) -> Iterator[Problem]:
    """In a namespace of the platform, its admission policies would refuse their image."""
    gateway = platform.gateway
    if gateway is None or "proxy_namespace" not in gateway.model_fields_set:
        return
    path = "gateway.proxyNamespace"
    if gateway.gateway_class_name is None:
        message = "does nothing without gateway.gatewayClassName: the platform deploys its own proxies"
        yield Problem(path, f"{message}; write it, or remove this")
    elif gateway.proxy_namespace in {platform.namespace, gateway_namespace(platform.namespace), *platform.teams}:
        message = f"the admission policies of '{gateway.proxy_namespace}' would refuse the proxies' image"
        fix = "let Envoy Gateway run them in its own namespace (deploy type ControllerNamespace), and write that"
        yield Problem(path, f"{message}; {fix}")


def proxies_of_existing_classes_are_not_measured(platform: Platform, root: Path) -> Iterator[Problem]:
    """The autoscaler and Prometheus read metrics of the platform's own proxies only."""
    name = _existing(platform)
    if name is None:
        return
    for endpoint, settings in platform.serving.items():
        path = f"serving.{endpoint}"
        measured = f"measured at the platform's own proxies only, and GatewayClass '{name}' has others"
        if not settings.replicas.fixed:
            message = f"the requests by which endpoints are scaled are {measured}"
            yield Problem(f"{path}.replicas", f"{message}; write a number, or remove {_CLASS}")
        if settings.canary is not None and settings.canary.rollback is not None:
            message = f"the requests by which canaries are compared are {measured}"
            yield Problem(f"{path}.canary.rollback", f"{message}; remove this, or {_CLASS}")


def _existing(platform: Platform) -> str | None:
    return platform.gateway.gateway_class_name if platform.gateway else None


CLASS_RULES = (
    existing_classes_are_in_existing_clusters,
    existing_classes_have_proxies_of_their_own,
    proxies_of_existing_classes_are_elsewhere,
    proxies_of_existing_classes_are_not_measured,
)

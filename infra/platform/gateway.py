"""The way in from outside the cluster, and what scales the endpoints behind it."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from infra.catalogue.images import CONTROLLERS, GATEWAY
from infra.declaration.gateway import exposed
from infra.declaration.model import Platform
from infra.foundation import Foundation
from infra.gateway.autoscaler import Autoscaler, AutoscalerArgs
from infra.gateway.classes import ExistingClass, OwnClass
from infra.gateway.gateway import Gateway, GatewayArgs
from infra.gateway.pages import Page
from infra.images import Images
from infra.namespaces import Namespaces
from infra.networking.gateway import AUTOSCALER
from infra.platform.options import on_cluster
from infra.tenancy import Workspace
from infra.workloads.runtime import Runtime, Workloads
from infra.workloads.serving.settings import SERVING


def create_gateway(
    declared: Platform,
    foundation: Foundation,
    images: Images,
    namespaces: Namespaces,
    own: Workspace,
    teams: Mapping[str, Workspace],
    pages: list[Page],
) -> Gateway | None:
    """Where it is declared."""
    if declared.gateway is None:
        return None
    asked = exposed(declared)
    class_: ExistingClass | OwnClass
    if declared.gateway.gateway_class_name is not None:
        class_ = ExistingClass(declared.gateway.gateway_class_name, declared.gateway.proxy_namespace)
        workspace = namespaces.of_gateway_alone()
    else:
        assert foundation.entrance is not None
        routed = {name: teams[name] for name in asked.teams}
        class_ = OwnClass(images.get(GATEWAY), declared.gateway.replicas, foundation.entrance, routed)
        workspace = namespaces.of_gateway([page.pods for page in pages])
    args = GatewayArgs(
        platform=declared.namespace,
        class_=class_,
        workspace=workspace,
        exposed=asked,
        own=own,
        pages=pages,
        rotation=declared.rotations.get(GATEWAY, 0),
    )
    opts = pulumi.ResourceOptions(providers=[foundation.kubernetes, foundation.random], depends_on=[*foundation.ready])
    return Gateway(GATEWAY, args, opts)


def create_autoscaler(
    declared: Platform,
    foundation: Foundation,
    runtime: Runtime,
    workspace: Workspace,
    gateway: Gateway | None,
    workloads: Workloads,
) -> None:
    """After the endpoints, whose first pods show that they start."""
    scaled = {name: endpoint for name, endpoint in declared.serving.items() if not endpoint.replicas.fixed}
    if scaled and gateway is not None:
        args = AutoscalerArgs(runtime.images.get(CONTROLLERS), workspace, gateway.namespace, runtime.teams, scaled)
        endpoints = [workloads[SERVING.section][name] for name in scaled]
        Autoscaler(AUTOSCALER, args, on_cluster(foundation, gateway, *endpoints))

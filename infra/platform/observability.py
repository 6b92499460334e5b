"""Monitoring, and what acts on its alerts."""

from __future__ import annotations

from infra.catalogue.images import CONTROLLERS, GRAFANA
from infra.declaration.idle_rules import idle_limits
from infra.declaration.model import Platform
from infra.foundation import Foundation
from infra.gateway.gateway import Gateway
from infra.gateway.pages import Page
from infra.gpu.devices import Devices
from infra.namespaces import Namespaces
from infra.observability import canary_rollback
from infra.observability.create import ObservabilityArgs, ObservabilityOutputs, create_observability
from infra.observability.responder import Responder
from infra.platform.options import on_cluster
from infra.platform.pages import urls
from infra.queues import run_stopper
from infra.tenancy import Workspace
from infra.workloads.runtime import Runtime, Workloads
from infra.workloads.serving.canary import canary_limits
from infra.workloads.serving.settings import SERVING
from infra.workloads.training.settings import TRAINING


def create_views(
    declared: Platform,
    stack: str,
    foundation: Foundation,
    runtime: Runtime,
    workspace: Workspace,
    devices: Devices | None,
    namespaces: Namespaces,
    gateway: Gateway | None,
    workloads: Workloads,
    pages: list[Page],
) -> ObservabilityOutputs:
    """Where monitoring is declared."""
    if declared.monitoring is None:
        return ObservabilityOutputs()
    args = ObservabilityArgs(
        settings=declared.monitoring,
        stack=stack,
        foundation=foundation,
        images=runtime.images,
        workspace=workspace,
        teams=runtime.teams,
        secrets=runtime.secrets,
        training=workloads.get(TRAINING.section, {}),
        serving=workloads.get(SERVING.section, {}),
        idle=idle_limits(declared),
        canaries=canary_limits(declared),
        devices=devices,
        logs=namespaces.of_logs() if declared.collects_logs else None,
        grafana_url=urls(pages).get(GRAFANA),
        gateway=gateway.workspace if gateway else None,
        groups={name: [*team.groups.developer, *team.groups.admin] for name, team in declared.teams.items()},
        rotations=declared.rotations,
        protect_data=declared.protect_data,
        queued=declared.queues is not None,
    )
    return create_observability(args, on_cluster(foundation))


def create_responders(declared: Platform, foundation: Foundation, runtime: Runtime, workspace: Workspace) -> None:
    """Each has an account of its own, and exists where something declares it."""
    idle = {limit.namespace for limit in idle_limits(declared) if limit.then == "stop"}
    watched = {limit.namespace for limit in canary_limits(declared)}
    for name, respond, teams in (
        (run_stopper.NAME, run_stopper.run_stopper, idle),
        (canary_rollback.NAME, canary_rollback.canary_rollback, watched),
    ):
        if teams:
            args = respond(runtime.images.get(CONTROLLERS), workspace, {team: runtime.teams[team] for team in teams})
            Responder(name, args, on_cluster(foundation))

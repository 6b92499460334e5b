"""A program that responds to alerts: it asks Alertmanager which fire, and changes what they are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi

from infra.catalogue.names import PROJECT
from infra.declaration.workloads import Resources
from infra.images import BuiltImage
from infra.observability.prometheus import ALERTMANAGER, ALERTMANAGER_PORT
from infra.tenancy import Workspace
from infra.tenancy.team_admission import TeamRule, enforce
from infra.workloads.api_access import Access, api_account, token_mount
from infra.workloads.deployment import DeploymentFactory
from infra.workloads.pod import Container, pod_template

_COMPONENT = "controller"


@dataclass(frozen=True)
class ResponderArgs:
    response: Literal["idle-runs", "canaries"]
    image: BuiltImage
    workspace: Workspace
    """The platform's own, in which Alertmanager runs."""
    teams: Mapping[str, Workspace]
    """Those in whose namespaces it may change something."""
    access: Access
    rule: TeamRule
    """What it may change of an object, which RBAC can't restrict."""
    after: Sequence[pulumi.Resource] = ()


class Responder(pulumi.ComponentResource):
    """A Deployment, with an account and a rule of its own for each kind of response."""

    def __init__(self, name: str, args: ResponderArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:Responder", name, None, opts)
        rule = enforce(args.rule, args.workspace.namespace, pulumi.ResourceOptions(parent=self))
        server = DeploymentFactory(name, _COMPONENT, args.workspace, self)
        account = api_account(server, args.access, {team.namespace: team for team in args.teams.values()})
        container = Container(
            name=name,
            image=args.image.reference,
            resources=Resources(cpu="10m", memory="48Mi"),
            args=[args.response],
            env={"ALERTMANAGER_URL": f"http://{ALERTMANAGER}:{ALERTMANAGER_PORT}"},
            mounts=[token_mount()],
        )
        template = pod_template(container, args.workspace, account=name, labels=server.labels)
        server.deployment(template, [*account, *rule, *args.after], recreate=True)
        self.register_outputs({})

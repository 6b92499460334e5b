"""Stops runs whose GPUs are idle, where their job declares it, by deactivating what they are to Kueue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from infra.catalogue.images import RUN_STOPPER
from infra.catalogue.names import PROJECT
from infra.declaration.workloads import Resources
from infra.images import BuiltImage
from infra.observability.prometheus import ALERTMANAGER, ALERTMANAGER_PORT
from infra.tenancy import Workspace
from infra.tenancy.job_admission import JobRule, enforce
from infra.workloads.api_access import Access, api_account, token_mount
from infra.workloads.deployment import DeploymentFactory
from infra.workloads.pod import Container, pod_template

_COMPONENT = "controller"
_WORKLOADS = ("kueue.x-k8s.io", "v1beta2", "workloads")
ACCESS = Access(namespaced=[("kueue.x-k8s.io", ("workloads",), ("list", "patch"))])


def only_stops(platform: str) -> JobRule:
    """RBAC can't restrict what of an object is changed."""
    kept = ("podSets", "queueName", "priority", "priorityClassRef", "maximumExecutionTimeSeconds")
    same = [f"object.spec.?{field} == oldObject.spec.?{field}" for field in kept]
    return JobRule(
        name="stopped-runs",
        resource=_WORKLOADS,
        applies=f"request.userInfo.username == 'system:serviceaccount:{platform}:{RUN_STOPPER}'",
        variables={},
        holds=" && ".join(["!object.spec.?active.orValue(true)", *same]),
        message=f"{RUN_STOPPER} only stops runs: it sets 'active' to false, and changes nothing else of their spec",
    )


@dataclass(frozen=True)
class RunStopperArgs:
    image: BuiltImage
    workspace: Workspace
    """The platform's own, in which Alertmanager runs."""
    teams: Mapping[str, Workspace]
    """Those with jobs whose idle runs are stopped."""


class RunStopper(pulumi.ComponentResource):
    """A Deployment that asks Alertmanager which runs to stop."""

    def __init__(self, name: str, args: RunStopperArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:RunStopper", name, None, opts)
        platform = args.workspace.namespace
        rule = enforce(only_stops(platform), platform, pulumi.ResourceOptions(parent=self))
        server = DeploymentFactory(RUN_STOPPER, _COMPONENT, args.workspace, self)
        account = api_account(server, ACCESS, {team.namespace: team for team in args.teams.values()})
        container = Container(
            name=RUN_STOPPER,
            image=args.image.reference,
            resources=Resources(cpu="10m", memory="48Mi"),
            env={"ALERTMANAGER_URL": f"http://{ALERTMANAGER}:{ALERTMANAGER_PORT}"},
            mounts=[token_mount()],
        )
        template = pod_template(container, args.workspace, account=RUN_STOPPER, labels=server.labels)
        server.deployment(template, [*account, *rule], recreate=True)
        self.register_outputs({})

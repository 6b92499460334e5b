"""A job that puts the dashboards into a Grafana which is not the platform's own: once for each change of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.batch.v1 import (
    JobSpecArgs,
    PodFailurePolicyArgs,
    PodFailurePolicyOnExitCodesRequirementArgs,
    PodFailurePolicyRuleArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.catalogue.images import DASHBOARDS
from infra.catalogue.names import PROJECT, fingerprint, labels
from infra.declaration.grafana import ExistingGrafana, Grafana
from infra.declaration.model import Resources
from infra.foundation import IdentityBinder, ManagedGrafana, WorkloadIdentity
from infra.images import BuiltImage
from infra.observability.access import Access, monitoring_account
from infra.observability.dashboards.grafana_json import as_json
from infra.observability.dashboards.provision import DashboardFiles
from infra.tenancy import Workspace
from infra.tenancy.team_secrets import VALUE, TeamSecret
from infra.workloads.pod import Container, config_mount, pod_template, secret_folder, secret_mounts

_FILES = "/etc/dashboards"
_GIVE_UP = 2
"""The job's own exit code for an answer that would be the same another time."""
_RETRIES = 4
_TIMEOUT = 300
_RESOURCES = Resources(cpu="50m", memory="128Mi")


@dataclass(frozen=True)
class Target:
    """A Grafana, and how the job gets in."""

    identity: str
    """What is the same for the same Grafana, and known before it exists."""
    url: pulumi.Input[str]
    env: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    secrets: Sequence[TeamSecret] = ()
    managed: bool = False
    """Whether the job makes its token itself, by its own identity in the place."""


def target(declared: Grafana | None, offered: ManagedGrafana | None, secrets: Mapping[str, TeamSecret]) -> Target:
    """The declared one, or else the place's own; there is one of both."""
    if declared is not None and declared.existing is not None:
        return _existing(declared.existing, secrets[declared.existing.token])
    assert offered is not None
    return _managed(offered)


def _existing(settings: ExistingGrafana, token: TeamSecret) -> Target:
    """Its address and a token."""
    datasource = {"DATASOURCE": settings.datasource} if settings.datasource else {}
    env = {"TOKEN_FILE": f"{secret_folder(token.name)}/{VALUE}", **datasource}
    return Target(f"{settings.url} {settings.datasource}", settings.url, env, [token])


def _managed(grafana: ManagedGrafana) -> Target:
    """It shows the foundation's metrics store."""
    return Target("managed", grafana.url, grafana.delivery_env, managed=True)


@dataclass(frozen=True)
class DeliveryArgs:
    stack: str
    target: Target
    image: BuiltImage
    workspace: Workspace
    bind_identity: IdentityBinder
    dashboards: DashboardFiles


class Delivery(pulumi.ComponentResource):
    """Has failed where Grafana refuses something: its last line says what it was asked and what it answered."""

    url: pulumi.Input[str]
    job_name: str
    """Carries a fingerprint of what is put where, so that an unchanged one is not run again."""

    def __init__(self, name: str, args: DeliveryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:DashboardDelivery", name, None, opts)
        self._args, self.url = args, args.target.url
        content = [args.stack, args.target.identity, args.image.content, as_json()]
        self.job_name = f"{DASHBOARDS}-{fingerprint(content)}"
        self._job()
        self.register_outputs({"job": self.job_name})

    def _job(self) -> None:
        args, wait = self._args, f"{_TIMEOUT}s"
        nothing_to_read = monitoring_account(DASHBOARDS, args.workspace, Access(), [], self)
        secrets = [secret.ready for secret in args.target.secrets]
        kubernetes.batch.v1.Job(
            DASHBOARDS,
            metadata=ObjectMetaArgs(
                name=self.job_name,
                namespace=args.workspace.namespace,
                labels=labels(DASHBOARDS, DASHBOARDS),
                # As with training: what failed is tried again by the next `up`.
                annotations={"pulumi.com/replaceUnready": "true"},
            ),
            spec=JobSpecArgs(
                backoff_limit=_RETRIES,
                active_deadline_seconds=_TIMEOUT,
                pod_failure_policy=PodFailurePolicyArgs(
                    rules=[
                        PodFailurePolicyRuleArgs(
                            action="FailJob",
                            on_exit_codes=PodFailurePolicyOnExitCodesRequirementArgs(operator="In", values=[_GIVE_UP]),
                        )
                    ]
                ),
                template=pod_template(
                    self._container(),
                    args.workspace,
                    account=DASHBOARDS,
                    labels=labels(DASHBOARDS, DASHBOARDS),
                    restart_policy="Never",
                ),
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[*nothing_to_read, *self._identity(), *secrets, args.dashboards.config_map],
                custom_timeouts=pulumi.CustomTimeouts(create=wait, update=wait),
            ),
        )

    def _identity(self) -> Sequence[pulumi.Resource]:
        """In the place, where it needs one there."""
        if not self._args.target.managed:
            return []
        identity = WorkloadIdentity(DASHBOARDS, self._args.workspace.namespace, DASHBOARDS, dashboards=True)
        return self._args.bind_identity(identity, pulumi.ResourceOptions(parent=self))

    def _container(self) -> Container:
        args, target = self._args, self._args.target
        return Container(
            name=DASHBOARDS,
            image=args.image.reference,
            resources=_RESOURCES,
            env={"GRAFANA_URL": target.url, "STACK": args.stack, "DASHBOARDS": _FILES, **target.env},
            mounts=[config_mount("dashboards", args.dashboards.name, _FILES), *secret_mounts(target.secrets)],
        )

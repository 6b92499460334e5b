"""A Job that uploads the dashboards into a Grafana that the platform does not deploy, once for each change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.batch.v1 import JobSpecArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.catalogue.images import DASHBOARDS
from infra.catalogue.names import PROJECT, fingerprint, labels
from infra.declaration.grafana import ExistingGrafana, Grafana
from infra.declaration.workloads import Resources
from infra.foundation import IdentityBinder, ManagedGrafana, WorkloadIdentity
from infra.images import BuiltImage
from infra.observability.access import monitoring_account
from infra.observability.dashboards.grafana_json import as_json
from infra.observability.dashboards.provision import DashboardFiles
from infra.tenancy import Workspace
from infra.tenancy.team_secrets import VALUE, TeamSecret
from infra.workloads.api_access import Access
from infra.workloads.pod import (
    DISRUPTIONS_ARE_NO_FAILURES,
    Container,
    config_mount,
    pod_template,
    secret_folder,
    secret_mounts,
)

_FILES = "/etc/dashboards"
_RETRIES = 0
"""The program itself waits for a Grafana that does not answer yet. Pulumi sees at once that a Job has no retries left,
but waits on for a Job that its pod failure policy has failed."""
_TIMEOUT = 300
_RESOURCES = Resources(cpu="50m", memory="128Mi")


@dataclass(frozen=True)
class Target:
    """A Grafana, and how the Job authenticates."""

    identity: str
    """Identifies the Grafana; known at preview."""
    url: pulumi.Input[str]
    env: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    secrets: Sequence[TeamSecret] = ()
    managed: bool = False
    """Whether the Job creates its token itself, with its workload identity."""


def target(declared: Grafana | None, managed: ManagedGrafana | None, secrets: Mapping[str, TeamSecret]) -> Target:
    """The declared Grafana, or else the foundation's managed one."""
    if declared is not None and declared.existing is not None:
        return _existing(declared.existing, secrets[declared.existing.token])
    assert managed is not None
    return _managed(managed)


def _existing(settings: ExistingGrafana, token: TeamSecret) -> Target:
    """Authenticates with a token from a secret."""
    datasource = {"DATASOURCE": settings.datasource} if settings.datasource else {}
    env = {"TOKEN_FILE": f"{secret_folder(token.name)}/{VALUE}", **datasource}
    return Target(f"{settings.url} {settings.datasource}", settings.url, env, [token])


def _managed(grafana: ManagedGrafana) -> Target:
    """Authenticates with the Job's workload identity; shows the foundation's metrics store."""
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
    """Fails if Grafana rejects a request; the Job's last log line has the request and the answer."""

    url: pulumi.Input[str]
    job_name: str
    """Contains a fingerprint of content and target, so that an unchanged Job does not run again."""

    def __init__(self, name: str, args: DeliveryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:DashboardDelivery", name, None, opts)
        self._args, self.url = args, args.target.url
        content = [args.stack, args.target.identity, args.image.content, as_json()]
        self.job_name = f"{DASHBOARDS}-{fingerprint(content)}"
        self._job()
        self.register_outputs({"job": self.job_name})

    def _job(self) -> None:
        args, seconds = self._args, _TIMEOUT + self._args.workspace.seconds_for_a_node
        wait = f"{seconds}s"
        service_account = monitoring_account(DASHBOARDS, args.workspace, Access(), [], self)
        secrets = [secret.ready for secret in args.target.secrets]
        kubernetes.batch.v1.Job(
            DASHBOARDS,
            metadata=ObjectMetaArgs(
                name=self.job_name,
                namespace=args.workspace.namespace,
                labels=labels(DASHBOARDS, DASHBOARDS),
                # As with training jobs: the next `up` replaces a failed Job.
                annotations={"pulumi.com/replaceUnready": "true"},
            ),
            spec=JobSpecArgs(
                backoff_limit=_RETRIES,
                active_deadline_seconds=seconds,
                pod_failure_policy=DISRUPTIONS_ARE_NO_FAILURES,
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
                depends_on=[*service_account, *self._identity(), *secrets, args.dashboards.config_map],
                custom_timeouts=pulumi.CustomTimeouts(create=wait, update=wait),
            ),
        )

    def _identity(self) -> Sequence[pulumi.Resource]:
        """The workload identity, if the Grafana is managed."""
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

"""A namespace, and what every pod in it needs: logins to the registry and to the tracking server."""

from __future__ import annotations

from dataclasses import dataclass, field

import pulumi
import pulumi_kubernetes as kubernetes

from infra.catalogue.names import (
    DATASET_SECRET,
    PLATFORM_LABEL,
    PROJECT,
    PULL_SECRET,
    TEAM_LABEL,
    TRACKING_SECRET,
    labels,
)
from infra.declaration.teams import Team
from infra.networking.network_policies import Policies, network_policies
from infra.secrets.generated import Login, mlflow_credentials, public_fingerprint
from infra.tenancy.access import team_access
from infra.tenancy.priorities import Priorities, Purpose
from infra.tenancy.quota import team_quota


@dataclass(frozen=True)
class TrackingAccess:
    """The tracking server's URL and a login."""

    uri: str
    login: Login


@dataclass(frozen=True)
class WorkspaceArgs:
    """`platform` is the platform's own namespace; `pull_config` is None if nodes pull with an identity of their own,
    `tracking` if pods don't use the server."""

    platform: str
    component: str
    pull_config: pulumi.Output[str] | None
    tracking: TrackingAccess | None = None
    dataset_credentials: pulumi.Output[str] | None = None
    """The login to the object store; None: pods have an identity for it, or read no objects."""
    team: str | None = None
    settings: Team | None = None
    """Access and quota of a team; without them only administrators have access."""
    policies: Policies = field(default_factory=dict)
    priorities: Priorities | None = None
    pod_security: str = "restricted"
    """The enforced Pod Security level; lower than `restricted` only if an exception is declared."""
    seconds_for_a_node: int = 0
    """How long pods may wait for a node."""
    queued: bool = False
    """Whether the team's jobs wait in a queue."""
    job_sets: bool = False
    """Whether there are jobs with several workers."""


class Workspace(pulumi.ComponentResource):
    """A namespace that enforces a Pod Security level. A team's namespace has the team's name."""

    namespace: str
    pull_secret: str | None
    tracking_uri: str | None
    credentials_fingerprint: pulumi.Output[str] | None
    seconds_for_a_node: int

    def __init__(self, name: str, args: WorkspaceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:Workspace", name, None, opts)
        self.namespace = name
        self._priorities = args.priorities
        self.seconds_for_a_node = args.seconds_for_a_node
        self._own_purpose: Purpose = "training" if args.team else "platform"
        self._resource = self._namespace(args)
        self.pull_secret = PULL_SECRET if args.pull_config is not None else None
        self.tracking_uri = args.tracking.uri if args.tracking else None
        self.credentials_fingerprint = None
        if args.pull_config is not None:
            self._secret(PULL_SECRET, "kubernetes.io/dockerconfigjson", {".dockerconfigjson": args.pull_config})
        if args.tracking is not None:
            self._secret(TRACKING_SECRET, "Opaque", {"credentials": mlflow_credentials(args.tracking.login)})
            self.credentials_fingerprint = public_fingerprint(args.tracking.login.password)
        if args.dataset_credentials is not None:
            self._secret(DATASET_SECRET, "Opaque", {"credentials": args.dataset_credentials})
        self._isolate(args)
        self.register_outputs({"namespace": name})

    def priority_class(self, purpose: Purpose | None = None) -> str | None:
        """The pod's PriorityClass: by default the platform's own, or training in a team's namespace."""
        return self._priorities.of(purpose or self._own_purpose) if self._priorities else None

    def _isolate(self, args: WorkspaceArgs) -> None:
        after = [self._resource, *([args.priorities] if args.priorities else [])]
        inside = pulumi.ResourceOptions(parent=self, depends_on=after)
        network_policies(self.namespace, args.policies, inside)
        if args.settings is not None:
            groups = args.settings.groups.by_role()
            team_access(self.namespace, groups, inside, queued=args.queued, job_sets=args.job_sets)
            team_quota(self.namespace, args.settings.quota, args.priorities, inside)
        self._default_account()

    def _default_account(self) -> None:
        """Pods that name no service account get no token: the default account, which Kubernetes creates, is patched."""
        kubernetes.core.v1.ServiceAccountPatch(
            f"{self.namespace}-default",
            metadata=kubernetes.meta.v1.ObjectMetaPatchArgs(name="default", namespace=self.namespace),
            automount_service_account_token=False,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._resource]),
        )

    def _namespace(self, args: WorkspaceArgs) -> kubernetes.core.v1.Namespace:
        team = {TEAM_LABEL: args.team} if args.team else {}
        return kubernetes.core.v1.Namespace(
            self.namespace,
            metadata=kubernetes.meta.v1.ObjectMetaArgs(
                name=self.namespace,
                labels={
                    **labels(self.namespace, args.component),
                    **team,
                    PLATFORM_LABEL: args.platform,
                    "pod-security.kubernetes.io/enforce": args.pod_security,
                    "pod-security.kubernetes.io/audit": "restricted",
                    "pod-security.kubernetes.io/warn": "restricted",
                },
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _secret(self, name: str, kind: str, data: dict[str, pulumi.Output[str]]) -> kubernetes.core.v1.Secret:
        return kubernetes.core.v1.Secret(
            f"{self.namespace}-{name}",
            metadata=kubernetes.meta.v1.ObjectMetaArgs(name=name, namespace=self.namespace),
            type=kind,
            string_data=data,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._resource]),
        )

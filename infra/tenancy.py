"""A namespace, and what every pod in it needs: a login to the registry, one to the tracking server."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from infra.naming import PROJECT, STACK_LABEL, TEAM_LABEL, labels
from infra.secrets import Login, mlflow_credentials, public_fingerprint

PULL_SECRET = "registry"
TRACKING_SECRET = "tracking-credentials"


@dataclass(frozen=True)
class TrackingAccess:
    """Where the tracking server answers, and as whom."""

    uri: str
    login: Login


@dataclass(frozen=True)
class WorkspaceArgs:
    """`pull_config` is absent where nodes may pull without one, `tracking` where pods don't talk to it."""

    stack: str
    component: str
    pull_config: pulumi.Output[str] | None
    tracking: TrackingAccess | None = None
    team: str | None = None


class Workspace(pulumi.ComponentResource):
    """A namespace in which pods are held to the strictest Pod Security level. A team's carries the team's name."""

    namespace: str
    pull_secret: str | None
    tracking_uri: str | None
    credentials_fingerprint: pulumi.Output[str] | None

    def __init__(self, name: str, args: WorkspaceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:Workspace", name, None, opts)
        self.namespace = name
        self._resource = self._namespace(args)
        self.pull_secret = PULL_SECRET if args.pull_config is not None else None
        self.tracking_uri = args.tracking.uri if args.tracking else None
        self.credentials_fingerprint = None
        if args.pull_config is not None:
            self._secret(PULL_SECRET, "kubernetes.io/dockerconfigjson", {".dockerconfigjson": args.pull_config})
        if args.tracking is not None:
            self._secret(TRACKING_SECRET, "Opaque", {"credentials": mlflow_credentials(args.tracking.login)})
            self.credentials_fingerprint = public_fingerprint(args.tracking.login.password)
        self.register_outputs({"namespace": name})

    def _namespace(self, args: WorkspaceArgs) -> kubernetes.core.v1.Namespace:
        team = {TEAM_LABEL: args.team} if args.team else {}
        return kubernetes.core.v1.Namespace(
            self.namespace,
            metadata=kubernetes.meta.v1.ObjectMetaArgs(
                name=self.namespace,
                labels={
                    **labels(self.namespace, args.component),
                    **team,
                    STACK_LABEL: args.stack,
                    "pod-security.kubernetes.io/enforce": "restricted",
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

"""Experiments and the model registry: one MLflow server behind a login."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.core.v1 import (
    EmptyDirVolumeSourceArgs,
    HTTPGetActionArgs,
    PersistentVolumeClaimSpecArgs,
    PersistentVolumeClaimVolumeSourceArgs,
    ProbeArgs,
    ServicePortArgs,
    ServiceSpecArgs,
    VolumeArgs,
    VolumeResourceRequirementsArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

from infra.declaration.model import Tracking as Settings
from infra.foundation import Foundation, Storage, Volume, WorkloadIdentity
from infra.images import BuiltImage
from infra.monitoring.scraping import PORT_NAME
from infra.naming import PROJECT, labels, selector
from infra.secrets import TrackingLogins, lines
from infra.tenancy import Workspace
from infra.workload import Container, Mount, pod_template, secret_mount, service_account

NAME = "tracking"
PORT = 5000
METRICS_PORT = 5001
"""Nothing but metrics is there, without a login; teams don't reach it."""
_DATA = "/data"
_LOGINS = "/var/run/secrets/logins"
"""The keys of the accepted passwords; the server reads them anew for each request."""


@dataclass(frozen=True)
class TrackingArgs:
    settings: Settings
    image: BuiltImage
    workspace: Workspace
    foundation: Foundation
    logins: TrackingLogins
    protect_data: bool


def tracking_uri(namespace: str) -> str:
    """Where pods of every namespace reach the server; known before it exists."""
    return f"http://{NAME}.{namespace}.svc:{PORT}"


def allowed_hosts(namespace: str) -> str:
    """The names by which clients call the server; it refuses any other, so that no web page can call it by a trick."""
    inside = [NAME, f"{NAME}.{namespace}", f"{NAME}.{namespace}.svc", f"{NAME}.{namespace}.svc.cluster.local"]
    forwarded = ["localhost", "127.0.0.1"]
    private = ["10.*", "192.168.*", *(f"172.{part}.*" for part in range(16, 32))]  # as MLflow's own default has them
    hosts = [host for name in inside for host in (name, f"{name}:{PORT}")]
    return ",".join([*hosts, *(host for name in forwarded for host in (name, f"{name}:*")), *private])


class Tracking(pulumi.ComponentResource):
    """One replica: its database may be a file."""

    uri: str
    namespace: str

    def __init__(self, name: str, args: TrackingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:Tracking", name, None, opts)
        self._args = args
        self.namespace = args.workspace.namespace
        self.uri = tracking_uri(self.namespace)
        self._metadata = ObjectMetaArgs(name=NAME, namespace=self.namespace, labels=labels(NAME, NAME))
        identity = WorkloadIdentity(NAME, self.namespace, NAME, writes=("models",), database=True)
        volume = args.foundation.storage.volume
        before = [
            *service_account(NAME, args.workspace, identity, args.foundation, self),
            self._secret(),
            *([self._claim(volume)] if volume else []),
            self._service(),
        ]
        self._deployment(before)
        self.register_outputs({"uri": self.uri})

    def _secret(self) -> pulumi.Resource:
        return kubernetes.core.v1.Secret(
            NAME,
            metadata=self._metadata,
            string_data={"keys": lines(self._args.logins.keys)},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._args.workspace]),
        )

    def _claim(self, volume: Volume) -> pulumi.Resource:
        return kubernetes.core.v1.PersistentVolumeClaim(
            NAME,
            metadata=self._metadata,
            spec=PersistentVolumeClaimSpecArgs(
                access_modes=["ReadWriteOnce"],
                storage_class_name=volume.storage_class,
                resources=VolumeResourceRequirementsArgs(requests={"storage": self._args.settings.storage}),
            ),
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[self._args.workspace], protect=self._args.protect_data
            ),
        )

    def _service(self) -> pulumi.Resource:
        return kubernetes.core.v1.Service(
            NAME,
            # Its pods come after it, so that their name is known when they ask for it.
            metadata=ObjectMetaArgs(
                name=NAME,
                namespace=self.namespace,
                labels=labels(NAME, NAME),
                annotations={"pulumi.com/skipAwait": "true"},
            ),
            spec=ServiceSpecArgs(
                selector=selector(NAME, NAME), ports=[ServicePortArgs(name="http", port=PORT, target_port="http")]
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._args.workspace]),
        )

    def _deployment(self, before: list[pulumi.Resource]) -> None:
        args = self._args
        timeout = args.settings.timeout
        wait = f"{timeout}s"
        kubernetes.apps.v1.Deployment(
            NAME,
            metadata=self._metadata,
            spec=kubernetes.apps.v1.DeploymentSpecArgs(
                replicas=1,
                # Two servers on one database file would spoil it.
                strategy=kubernetes.apps.v1.DeploymentStrategyArgs(type="Recreate"),
                progress_deadline_seconds=timeout,
                selector=LabelSelectorArgs(match_labels=selector(NAME, NAME)),
                template=pod_template(
                    self._container(),
                    args.workspace,
                    account=NAME,
                    labels=labels(NAME, NAME),
                ),
            ),
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=before, custom_timeouts=pulumi.CustomTimeouts(create=wait, update=wait)
            ),
        )

    def _container(self) -> Container:
        storage = self._args.foundation.storage
        return Container(
            name=NAME,
            image=self._args.image.reference,
            resources=self._args.settings.resources,
            env=storage_env(storage) | {"MLFLOW_SERVER_ALLOWED_HOSTS": allowed_hosts(self.namespace)},
            ports={"http": PORT, PORT_NAME: METRICS_PORT},
            mounts=[
                Mount(_data(storage.volume), _DATA),
                secret_mount("logins", NAME, _LOGINS),
            ],
            startup_probe=_probe(period=1, failures=120),
            readiness_probe=_probe(period=5, failures=2),
            liveness_probe=_probe(period=10, failures=6),
        )


def storage_env(storage: Storage) -> dict[str, pulumi.Input[str]]:
    """Where the server finds its data; a login is named, never shown."""
    optional = {"MLFLOW_AUTH_DATABASE_URI": storage.users, "DATABASE_LOGIN_SECRET": storage.database_login}
    return {
        "MLFLOW_BACKEND_STORE_URI": storage.database,
        "MLFLOW_ARTIFACTS_DESTINATION": storage.artifacts,
        **{name: value for name, value in optional.items() if value is not None},
    }


def _data(volume: Volume | None) -> VolumeArgs:
    if volume is None:
        return VolumeArgs(name="data", empty_dir=EmptyDirVolumeSourceArgs(size_limit="1Gi"))
    return VolumeArgs(name="data", persistent_volume_claim=PersistentVolumeClaimVolumeSourceArgs(claim_name=NAME))


def _probe(period: int, failures: int) -> ProbeArgs:
    return ProbeArgs(
        http_get=HTTPGetActionArgs(path="/health", port="http"),
        period_seconds=period,
        failure_threshold=failures,
        timeout_seconds=5,
    )

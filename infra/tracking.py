"""Experiments and the model registry: one MLflow server behind a login."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

import pulumi
from pulumi_kubernetes.core.v1 import EmptyDirVolumeSourceArgs, VolumeArgs

from infra.catalogue.names import DOMAIN, METRICS_PORT_NAME, PROJECT
from infra.declaration.workloads import Tracking as Settings
from infra.foundation import STORAGE_FILES, IdentityBinder, Storage, Volume, WorkloadIdentity
from infra.images import BuiltImage
from infra.migration import MigrationArgs, migration
from infra.secrets.generated import TrackingLogins, lines, public_fingerprint
from infra.tenancy import Workspace
from infra.workloads.deployment import DeploymentFactory, probe
from infra.workloads.pod import Container, Mount, pod_template, secret_mount, service_account

NAME = "tracking"
PORT = 5000
METRICS_PORT = 5001
"""Metrics without a login; network policies keep teams from it."""
_DATA = "/data"


@dataclass(frozen=True)
class TrackingArgs:
    settings: Settings
    image: BuiltImage
    workspace: Workspace
    storage: Storage
    bind_identity: IdentityBinder
    logins: TrackingLogins
    protect_data: bool
    url: str | None
    """From outside the cluster."""


def tracking_uri(namespace: str) -> str:
    """The server's URL for pods of every namespace; known before it exists."""
    return f"http://{NAME}.{namespace}.svc:{PORT}"


def allowed_hosts(namespace: str, url: str | None) -> str:
    """Accepted Host headers; others are refused, which prevents DNS rebinding."""
    inside = [NAME, f"{NAME}.{namespace}", f"{NAME}.{namespace}.svc", f"{NAME}.{namespace}.svc.cluster.local"]
    forwarded = ["localhost", "127.0.0.1"]
    private = ["10.*", "192.168.*", *(f"172.{part}.*" for part in range(16, 32))]  # MLflow's default
    hosts = [host for name in inside for host in (name, f"{name}:{PORT}")]
    outside = [urlsplit(url).netloc] if url else []
    return ",".join([*hosts, *outside, *(host for name in forwarded for host in (name, f"{name}:*")), *private])


class Tracking(pulumi.ComponentResource):
    """The MLflow server. One replica, because its database may be a file."""

    uri: str
    namespace: str

    def __init__(self, name: str, args: TrackingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:Tracking", name, None, opts)
        self._args = args
        self.namespace = args.workspace.namespace
        self.uri = tracking_uri(self.namespace)
        self._server = DeploymentFactory(NAME, NAME, args.workspace, self)
        identity = WorkloadIdentity(NAME, self.namespace, NAME, writes=("models",), database=True)
        data, claimed = self._data(args.storage.volume)
        account = service_account(NAME, args.workspace, identity, args.bind_identity, self)
        before = [
            *account,
            # The keys that accepted passwords are derived from; the server reads them for each request.
            self._server.secret({"keys": lines(args.logins.keys), **args.storage.files}),
            *claimed,
            self._migration(data, [*account, *claimed]),
            # Created before the pods, which resolve the name when they start.
            self._server.service(PORT),
        ]
        files = args.storage.files.values()
        template = pod_template(
            self._container(data),
            args.workspace,
            account=NAME,
            labels=self._server.labels,
            annotations={f"{DOMAIN}/storage": public_fingerprint(*files)} if files else None,
        )
        self._server.deployment(template, before, recreate=True, timeout=args.settings.timeout)
        self.register_outputs({"uri": self.uri})

    def _data(self, volume: Volume | None) -> tuple[Mount, list[pulumi.Resource]]:
        """A volume for data that is in no database and no bucket."""
        if volume is None:
            return Mount(VolumeArgs(name="data", empty_dir=EmptyDirVolumeSourceArgs(size_limit="1Gi")), _DATA), []
        mount, claim = self._server.data(self._args.settings.storage, volume, self._args.protect_data)
        return mount, [claim]

    def _migration(self, data: Mount, after: list[pulumi.Resource]) -> pulumi.Resource:
        args = self._args
        return migration(
            MigrationArgs(
                image=args.image,
                workspace=args.workspace,
                storage=args.storage,
                account=NAME,
                resources=args.settings.resources,
                env=storage_env(args.storage),
                data=data,
                after=after,
            ),
            self,
        )

    def _container(self, data: Mount) -> Container:
        return Container(
            name=NAME,
            image=self._args.image.reference,
            resources=self._args.settings.resources,
            env=storage_env(self._args.storage) | self._accepted(),
            ports={"http": PORT, METRICS_PORT_NAME: METRICS_PORT},
            mounts=[data, secret_mount("logins", NAME, STORAGE_FILES)],
            startup_probe=probe("/health", period=1, failures=120),
            readiness_probe=probe("/health", period=5, failures=2),
            liveness_probe=probe("/health", period=10, failures=6),
        )

    def _accepted(self) -> dict[str, pulumi.Input[str]]:
        """Whose requests are accepted: by their Host header, and by the page that sends them."""
        url = self._args.url
        origins = {"MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": url} if url else {}
        return {"MLFLOW_SERVER_ALLOWED_HOSTS": allowed_hosts(self.namespace, url), **origins}


def storage_env(storage: Storage) -> dict[str, pulumi.Input[str]]:
    """The server's storage settings; a login is given by the name of its secret."""
    optional = {"MLFLOW_AUTH_DATABASE_URI": storage.users, "DATABASE_LOGIN_SECRET": storage.database_login}
    return {
        "MLFLOW_BACKEND_STORE_URI": storage.database,
        "MLFLOW_ARTIFACTS_DESTINATION": storage.artifacts,
        **{name: value for name, value in optional.items() if value is not None},
        **storage.environment,
    }

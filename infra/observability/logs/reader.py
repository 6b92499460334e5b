"""vmauth in front of the store: a login for each team and one for the platform, each of which reads its own tenant.

It listens on its pod's loopback interface, so that it is reached by a port-forward only. Those who may read a team's
logs may forward a port to this pod and to no other, and may read the Secret with the team's login.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.apps.v1 import StatefulSetSpecArgs
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs

from infra.catalogue.images import LOGS
from infra.catalogue.logs import QUERY, READER, READER_PORT, STORE, STORE_PORT, USERS_FILE
from infra.declaration.workloads import Resources
from infra.images import BuiltImage
from infra.observability.access import monitoring_account
from infra.observability.logs.tenants import Tenant, tenant
from infra.secrets.derive import derived_password
from infra.tenancy import Workspace
from infra.workloads.api_access import Access
from infra.workloads.deployment import HTTP, DeploymentFactory, probe
from infra.workloads.pod import Container, pod_template, secret_mount

RESOURCES = Resources(cpu="10m", memory="32Mi")
_USERS = "/var/run/secrets/users"
_HEALTH_PORT = 8428
_QUERIES = (QUERY, "/select/logsql/tail")


def log_reader(
    image: BuiltImage,
    workspace: Workspace,
    owners: Sequence[str],
    keys: Sequence[pulumi.Output[str]],
    parent: pulumi.Resource,
) -> pulumi.Resource:
    """A StatefulSet of one pod. It reads its users again when they change: a new team does not restart it."""
    server = DeploymentFactory(READER, LOGS, workspace, parent)
    container = Container(
        name=READER,
        image=image.reference,
        resources=RESOURCES,
        command=["vmauth"],
        args=[
            f"-auth.config={_USERS}/{USERS_FILE}",
            "-configCheckInterval=2s",
            f"-httpListenAddr=127.0.0.1:{READER_PORT}",
            f"-httpInternalListenAddr=:{_HEALTH_PORT}",
        ],
        ports={HTTP: _HEALTH_PORT},
        mounts=[secret_mount("users", READER, _USERS)],
        startup_probe=probe("/health", period=1, failures=60),
        readiness_probe=probe("/health", period=5, failures=3),
        liveness_probe=probe("/health", period=10, failures=6),
    )
    account = monitoring_account(READER, workspace, Access(), [], parent)
    users = server.secret({USERS_FILE: pulumi.Output.all(*keys).apply(lambda known: users_file(owners, known))})
    return kubernetes.apps.v1.StatefulSet(
        READER,
        metadata=server.metadata,
        spec=StatefulSetSpecArgs(
            service_name=READER,
            selector=LabelSelectorArgs(match_labels=server.selector),
            template=pod_template(container, workspace, account=READER, labels=server.labels),
        ),
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[*account, users]),
    )


def users_file(owners: Sequence[str], keys: Sequence[str]) -> str:
    """vmauth's configuration: each owner with the password of each key that is accepted."""
    return json.dumps({"users": [_user(tenant(owner), key) for owner in owners for key in sorted(set(keys))]})


def _user(owner: Tenant, key: str) -> Mapping[str, object]:
    """Headers of the route replace those that a reader sends; headers of the user would not apply to a route."""
    route = {
        "src_paths": _QUERIES,
        "url_prefix": f"http://{STORE}:{STORE_PORT}",
        "headers": owner.headers,
    }
    return {"username": owner.name, "password": derived_password(key, owner.name), "url_map": [route]}

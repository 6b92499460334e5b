"""VictoriaLogs, on a volume."""

from __future__ import annotations

import pulumi

from infra.catalogue.images import LOGS
from infra.catalogue.logs import STORE, STORE_PORT
from infra.declaration.logs import Logs as Settings
from infra.declaration.types import memory_bytes
from infra.declaration.workloads import Resources
from infra.foundation import Volume
from infra.images import BuiltImage
from infra.observability.access import monitoring_account
from infra.tenancy import Workspace
from infra.workloads.api_access import Access
from infra.workloads.deployment import DeploymentFactory, probe
from infra.workloads.pod import Container, pod_template

RESOURCES = Resources(cpu="50m", memory="128Mi")
_USED_RATIO = 0.8
"""Of the volume, beyond which the oldest day is deleted; merges of files need the rest."""


def log_store(
    settings: Settings,
    image: BuiltImage,
    workspace: Workspace,
    volume: Volume,
    protect: bool,
    parent: pulumi.Resource,
) -> pulumi.Resource:
    """A Deployment behind a Service. By its network policy only the collector and the proxy may connect."""
    server = DeploymentFactory(STORE, LOGS, workspace, parent)
    data, claim = server.data(settings.storage, volume, protect)
    container = Container(
        name=STORE,
        image=image.reference,
        resources=RESOURCES,
        command=["victoria-logs"],
        args=[
            f"-httpListenAddr=:{STORE_PORT}",
            f"-storageDataPath={data.path}",
            f"-retentionPeriod={settings.retention // (24 * 3600)}d",
            f"-retention.maxDiskSpaceUsageBytes={int(memory_bytes(settings.storage) * _USED_RATIO)}",
        ],
        ports={"http": STORE_PORT},
        mounts=[data],
        startup_probe=probe("/health", period=1, failures=300),
        readiness_probe=probe("/health", period=5, failures=3),
        liveness_probe=probe("/health", period=10, failures=6),
    )
    account = monitoring_account(STORE, workspace, Access(), [], parent)
    template = pod_template(container, workspace, account=STORE, labels=server.labels)
    return server.service(STORE_PORT, after=server.deployment(template, [*account, claim], recreate=True))

"""What monitoring's programs have in common: one pod each, its configuration, its data, its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import yaml
from pulumi_kubernetes.apps.v1 import DeploymentSpecArgs, DeploymentStrategyArgs
from pulumi_kubernetes.core.v1 import (
    ConfigMapVolumeSourceArgs,
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

from infra.foundation import Volume
from infra.monitoring.scraping import COMPONENT, PORT_NAME
from infra.naming import labels, selector
from infra.tenancy import Workspace
from infra.workload import Container, Mount, pod_template

_GIVEN = "/etc/given"
_DATA = "/data"
_TIMEOUT = 180


@dataclass(frozen=True)
class Server:
    """One of monitoring's programs in the platform's namespace."""

    name: str
    workspace: Workspace
    parent: pulumi.Resource

    @property
    def metadata(self) -> ObjectMetaArgs:
        return ObjectMetaArgs(name=self.name, namespace=self.workspace.namespace, labels=labels(self.name, COMPONENT))

    @property
    def _after_workspace(self) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self.parent, depends_on=[self.workspace])

    def config(self, files: Mapping[str, Mapping[str, Any]]) -> tuple[Mount, pulumi.Resource]:
        """Files that change under the running program, which reads them anew by itself; parts may be known later."""
        texts = {file: pulumi.Output.from_input(content).apply(_text) for file, content in files.items()}
        config = kubernetes.core.v1.ConfigMap(self.name, metadata=self.metadata, data=texts, opts=self._after_workspace)
        volume = VolumeArgs(name="config", config_map=ConfigMapVolumeSourceArgs(name=self.name))
        return Mount(volume, _GIVEN, read_only=True), config

    def data(self, size: str, volume: Volume, protect: bool) -> tuple[Mount, pulumi.Resource]:
        """A volume that outlives the pod."""
        claim = kubernetes.core.v1.PersistentVolumeClaim(
            self.name,
            metadata=self.metadata,
            spec=PersistentVolumeClaimSpecArgs(
                access_modes=["ReadWriteOnce"],
                storage_class_name=volume.storage_class,
                resources=VolumeResourceRequirementsArgs(requests={"storage": size}),
            ),
            opts=pulumi.ResourceOptions(parent=self.parent, depends_on=[self.workspace], protect=protect),
        )
        source = PersistentVolumeClaimVolumeSourceArgs(claim_name=self.name)
        return Mount(VolumeArgs(name="data", persistent_volume_claim=source), _DATA), claim

    def deployment(self, container: Container, after: Sequence[pulumi.Resource]) -> pulumi.Resource:
        """One replica, never two on the same data."""
        wait = f"{_TIMEOUT}s"
        return kubernetes.apps.v1.Deployment(
            self.name,
            metadata=self.metadata,
            spec=DeploymentSpecArgs(
                replicas=1,
                strategy=DeploymentStrategyArgs(type="Recreate"),
                progress_deadline_seconds=_TIMEOUT,
                selector=LabelSelectorArgs(match_labels=selector(self.name, COMPONENT)),
                template=pod_template(
                    container,
                    self.workspace,
                    account=self.name,
                    labels=labels(self.name, COMPONENT),
                ),
            ),
            opts=pulumi.ResourceOptions(
                parent=self.parent,
                depends_on=list(after),
                custom_timeouts=pulumi.CustomTimeouts(create=wait, update=wait),
            ),
        )

    def service(self, port: int, deployment: pulumi.Resource) -> pulumi.Resource:
        """Answers within the platform's namespace, and to nobody else."""
        return kubernetes.core.v1.Service(
            self.name,
            metadata=self.metadata,
            spec=ServiceSpecArgs(
                selector=selector(self.name, COMPONENT),
                ports=[ServicePortArgs(name=PORT_NAME, port=port, target_port=PORT_NAME)],
            ),
            opts=pulumi.ResourceOptions(parent=self.parent, depends_on=[deployment]),
        )


def _text(content: object) -> str:
    return yaml.safe_dump(content, sort_keys=False, width=120)


def probe(path: str, period: int, failures: int) -> ProbeArgs:
    """Asked at the port that metrics are read from."""
    return ProbeArgs(
        http_get=HTTPGetActionArgs(path=path, port=PORT_NAME),
        period_seconds=period,
        failure_threshold=failures,
        timeout_seconds=5,
    )

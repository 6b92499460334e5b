"""The dashboards as a ConfigMap: mounted by the status page and Grafana, and found by label by a Grafana sidecar."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.catalogue.names import PROJECT, labels
from infra.observability.dashboards.grafana_json import as_json
from infra.tenancy import Workspace

NAME = "dashboards"
GRAFANA_LABEL = {"grafana_dashboard": "1"}
"""The label that the sidecar of Grafana's Helm chart looks for."""
_FOLDER = {"grafana_folder": PROJECT}


@dataclass(frozen=True)
class DashboardFilesArgs:
    workspace: Workspace


class DashboardFiles(pulumi.ComponentResource):
    """One ConfigMap with a file for each dashboard."""

    name: str
    config_map: kubernetes.core.v1.ConfigMap

    def __init__(self, name: str, args: DashboardFilesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:DashboardFiles", name, None, opts)
        self.name = NAME
        self.config_map = kubernetes.core.v1.ConfigMap(
            NAME,
            metadata=ObjectMetaArgs(
                name=NAME,
                namespace=args.workspace.namespace,
                labels=labels(NAME, "monitoring", **GRAFANA_LABEL),
                annotations=_FOLDER,
            ),
            data=dict(as_json()),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[args.workspace]),
        )
        self.register_outputs({"name": NAME})

"""Deployments of monitoring components: configured by YAML files, with metrics on their HTTP port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pulumi
import yaml

from infra.catalogue.names import METRICS_PORT_NAME, MONITORING
from infra.tenancy import Workspace
from infra.workloads import deployment
from infra.workloads.deployment import DeploymentFactory
from infra.workloads.pod import Container, Mount, config_mount, pod_template

_CONFIG = "/etc/given"

probe = partial(deployment.probe, port=METRICS_PORT_NAME)
"""A probe on the metrics port."""


def monitoring_server(name: str, workspace: Workspace, parent: pulumi.Resource) -> DeploymentFactory:
    """A server in the platform's namespace, labelled as part of monitoring."""
    return DeploymentFactory(name, MONITORING, workspace, parent)


def config_files(server: DeploymentFactory, files: Mapping[str, Mapping[str, Any]]) -> tuple[Mount, pulumi.Resource]:
    """A ConfigMap with YAML files, mounted. The server reloads them itself: a change does not roll the pod."""
    texts = {file: pulumi.Output.from_input(content).apply(_text) for file, content in files.items()}
    return config_mount("config", server.name, _CONFIG), server.config(texts)


def deploy(server: DeploymentFactory, container: Container, after: Sequence[pulumi.Resource]) -> pulumi.Resource:
    """A Deployment with one pod; the old pod ends before the new one starts, since both use the same volume."""
    template = pod_template(container, server.workspace, account=server.name, labels=server.labels)
    return server.deployment(template, after, recreate=True)


def _text(content: object) -> str:
    return yaml.safe_dump(content, sort_keys=False, width=120)

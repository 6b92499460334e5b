"""What monitoring's programs have in common: they read YAML files, and tell their metrics where they answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pulumi
import yaml

from infra.catalogue.names import METRICS_PORT_NAME, MONITORING
from infra.tenancy import Workspace
from infra.workloads import deployment as server
from infra.workloads.deployment import DeploymentFactory
from infra.workloads.pod import Container, Mount, config_mount, pod_template

_GIVEN = "/etc/given"

probe = partial(server.probe, port=METRICS_PORT_NAME)
"""Asks at the port that metrics are read from."""


def program(name: str, workspace: Workspace, parent: pulumi.Resource) -> DeploymentFactory:
    """One of monitoring's in the platform's namespace."""
    return DeploymentFactory(name, MONITORING, workspace, parent)


def given(program: DeploymentFactory, files: Mapping[str, Mapping[str, Any]]) -> tuple[Mount, pulumi.Resource]:
    """Files that change under the running program, which reads them anew by itself; parts may be known later."""
    texts = {file: pulumi.Output.from_input(content).apply(_text) for file, content in files.items()}
    return config_mount("config", program.name, _GIVEN), program.config(texts)


def start(program: DeploymentFactory, container: Container, after: Sequence[pulumi.Resource]) -> pulumi.Resource:
    """One pod, never two on the same data."""
    template = pod_template(container, program.workspace, account=program.name, labels=program.labels)
    return program.deployment(template, after, recreate=True)


def _text(content: object) -> str:
    return yaml.safe_dump(content, sort_keys=False, width=120)

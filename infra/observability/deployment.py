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
from infra.workloads.deployment import Server
from infra.workloads.pod import Container, Mount, config_mount, pod_template

_GIVEN = "/etc/given"

probe = partial(server.probe, port=METRICS_PORT_NAME)
"""Asks at the port that metrics are read from."""


def program(name: str, workspace: Workspace, parent: pulumi.Resource) -> Server:
    """One of monitoring's in the platform's namespace."""
    return Server(name, MONITORING, workspace, parent)


def given(program: Server, files: Mapping[str, Mapping[str, Any]]) -> tuple[Mount, pulumi.Resource]:
    """Files that change under the running program, which reads them anew by itself; parts may be known later."""
    texts = {file: pulumi.Output.from_input(content).apply(_text) for file, content in files.items()}
    return config_mount("config", program.name, _GIVEN), program.config(texts)


def start(program: Server, container: Container, after: Sequence[pulumi.Resource]) -> pulumi.Resource:
    """One pod, never two on the same data."""
    template = pod_template(container, program.workspace, account=program.name, labels=program.labels)
    return program.deployment(template, after, alone=True)


def _text(content: object) -> str:
    return yaml.safe_dump(content, sort_keys=False, width=120)

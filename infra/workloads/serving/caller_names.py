"""The names of an endpoint's callers, by which its servers count requests and tokens.

They are a file and no environment variable: a caller that is added or removed replaces no pods.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pulumi

from infra.tenancy import Workspace
from infra.tenancy.team_secrets import TeamSecret
from infra.workloads.deployment import DeploymentFactory
from infra.workloads.pod import Mount, config_mount

_COMPONENT: Final = "serving"
_FOLDER, _FILE = "/etc/callers", "names"
ENV: Final = {"CALLERS_FILE": f"{_FOLDER}/{_FILE}"}


def caller_names(
    endpoint: str, callers: Sequence[TeamSecret], workspace: Workspace, parent: pulumi.Resource
) -> pulumi.Resource:
    """One a line, in a ConfigMap."""
    text = "".join(f"{caller.name}\n" for caller in callers)
    return DeploymentFactory(_config_map(endpoint), _COMPONENT, workspace, parent).config({_FILE: text})


def mount(endpoint: str) -> Mount:
    """Where `ENV` says that it is."""
    return config_mount("callers", _config_map(endpoint), _FOLDER)


def _config_map(endpoint: str) -> str:
    return f"{endpoint}-callers"

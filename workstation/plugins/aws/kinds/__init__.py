"""The table, one module a service."""

from __future__ import annotations

from workstation.plugins.aws.kind import Kind
from workstation.plugins.aws.kinds import (
    ecr,
    eks,
    endpoints,
    iam,
    keys,
    launch_template,
    logs,
    network,
    nodes,
    rds,
    routes,
    s3,
    secrets,
    security_groups,
)

_MODULES = (
    network,
    routes,
    endpoints,
    security_groups,
    launch_template,
    keys,
    ecr,
    eks,
    nodes,
    iam,
    s3,
    rds,
    logs,
    secrets,
)

KINDS: dict[str, Kind] = {kind.token: kind for module in _MODULES for kind in module.KINDS}
"""Every type that the stand-in offers, by its token."""

"""The table, one module a service."""

from __future__ import annotations

from offline.plugins.aws.kind import Kind
from offline.plugins.aws.kinds import (
    ecr,
    eks,
    endpoints,
    grafana,
    iam,
    keys,
    launch_template,
    logs,
    metrics,
    network,
    nodes,
    rds,
    routes,
    s3,
    secrets,
    security_groups,
    topics,
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
    metrics,
    topics,
    grafana,
)

KINDS: dict[str, Kind] = {kind.token: kind for module in _MODULES for kind in module.KINDS}
"""Every type that the stand-in offers, by its token."""

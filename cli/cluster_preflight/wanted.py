"""Input of a check."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.declaration.cluster import ClusterFoundation
from infra.declaration.model import Platform

CLUSTER = "platform.foundation.cluster"
CONTEXT = f"{CLUSTER}.kubeContext"
POOLS = "platform.nodePools"


@dataclass(frozen=True)
class Wanted:
    """What is declared, for stack `stack`; `passwords` are the values of the secrets that the foundation names, and
    `namespaces` the ids of those that the stack has created already. `outputs` are the stack's, or empty."""

    stack: str
    declared: Platform
    settings: ClusterFoundation
    passwords: Mapping[str, str]
    namespaces: Mapping[str, str]
    outputs: Mapping[str, Any]

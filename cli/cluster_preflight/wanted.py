"""Input of a check."""

from collections.abc import Mapping
from dataclasses import dataclass

from infra.declaration.cluster import ClusterFoundation
from infra.declaration.model import Platform

CLUSTER = "platform.foundation.cluster"
CONTEXT = f"{CLUSTER}.kubeContext"
POOLS = "platform.nodePools"


@dataclass(frozen=True)
class Wanted:
    """The declared settings that are checked, of stack `stack`; `passwords` are those of the registry, and `namespaces`
    are the ids of those that the stack has created already."""

    stack: str
    declared: Platform
    settings: ClusterFoundation
    passwords: Mapping[str, str]
    namespaces: Mapping[str, str]

"""Input of a check."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from infra.declaration.aws.pools import ec2_settings
from infra.declaration.aws.settings import AwsFoundation
from infra.declaration.pools import NodePool

AWS = "platform.foundation.aws"
POOLS = "platform.nodePools"

Client = Callable[[str], Any]
"""A boto3 client by its service's name, in the declared region."""


@dataclass(frozen=True)
class Wanted:
    """The declared settings that are checked."""

    aws: AwsFoundation
    pools: Mapping[str, NodePool]
    cluster: str = ""
    """The name of the stack's cluster."""

    def zones(self, pool: NodePool) -> tuple[str, ...]:
        """The zones of the pool's nodes."""
        return ec2_settings(pool).zones or self.aws.network.zones

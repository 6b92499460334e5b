"""Input and output of a check."""

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

    def zones(self, pool: NodePool) -> tuple[str, ...]:
        """The zones of the pool's nodes."""
        return ec2_settings(pool).zones or self.aws.network.zones


@dataclass(frozen=True)
class Finding:
    """A setting that does not fit the account, why, and how to fix it; a warning unless `blocking`."""

    setting: str
    problem: str
    fix: str
    blocking: bool = True

    def __str__(self) -> str:
        return f"{self.setting}: {self.problem}; {self.fix}"

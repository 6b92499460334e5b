"""Input of a check."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.catalogue.aws.names import ACCESS_LOGS, ARTIFACTS, DATASETS, REPLICA
from infra.declaration.aws.pools import ec2_settings
from infra.declaration.aws.settings import AwsFoundation
from infra.declaration.gateway import Gateway
from infra.declaration.pools import NodePool

AWS = "platform.foundation.aws"
POOLS = "platform.nodePools"

Client = Callable[..., Any]
"""A boto3 client by its service's name, in the declared region; a second argument names another region."""


@dataclass(frozen=True)
class Machines:
    """At most `count` machines of any of the types, in any of the kinds of capacity."""

    types: Sequence[str]
    capacity: Sequence[str]
    count: int


@dataclass(frozen=True)
class Wanted:
    """The declared settings that are checked."""

    aws: AwsFoundation
    pools: Mapping[str, NodePool]
    cluster: str = ""
    """The name of the stack's cluster, with which the names of all its resources begin."""
    backend: str = ""
    """The URL of the state backend, as in $PULUMI_BACKEND_URL."""
    secrets_provider: str = ""
    """The URL of the secrets provider, as in the stack file."""
    objects: bool = False
    """Whether datasets are declared as objects, for which there is a bucket."""
    certificate: str = ""
    """The ARN of the gateway's."""
    hosts: Sequence[str] = ()
    """What callers of the gateway write in its URL."""
    gateway: Gateway | None = None
    kube_context: str = ""

    @property
    def machines(self) -> Mapping[str, Machines]:
        """What may be started, by the setting of its maximum."""
        system = self.aws.system_pool
        declared = {
            f"{POOLS}.{name}.max": Machines(ec2_settings(pool).instance_types, ec2_settings(pool).capacity, pool.max)
            for name, pool in self.pools.items()
        }
        return {**declared, f"{AWS}.systemPool.max": Machines(system.instance_types, ("onDemand",), system.max)}

    @property
    def pipeline_roles(self) -> Mapping[str, str]:
        """The names of the pipeline's roles: one previews, the other deploys."""
        return {purpose: f"{self.cluster}-ci-{purpose}" for purpose in ("preview", "deploy")} if self.aws.ci else {}

    @property
    def buckets(self) -> Mapping[str, str]:
        """The regions of the stack's buckets, by name."""
        here = (ARTIFACTS, ACCESS_LOGS, *((DATASETS,) if self.objects else ()))
        regions = dict.fromkeys(here, self.aws.region) | ({REPLICA: self.aws.backup.region} if self.aws.backup else {})
        return {f"{self.cluster}-{purpose}-{self.aws.account}": region for purpose, region in regions.items()}

    @property
    def spot(self) -> Sequence[str]:
        """The pools with Spot instances."""
        return [name for name, pool in self.pools.items() if "spot" in ec2_settings(pool).capacity]

    def zones(self, pool: NodePool) -> tuple[str, ...]:
        """The zones of the pool's nodes."""
        return ec2_settings(pool).zones or self.aws.network.zones

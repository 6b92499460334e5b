"""An account, a region, and the names of the stack's resources there.

Names are known before resources exist: policies can refer to them, and a preview shows them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from infra.catalogue.aws.instance_types import partition
from infra.catalogue.aws.names import GITHUB, bucket_name, stack_prefix
from infra.catalogue.names import DOMAIN, PROJECT, fingerprint

_LONGEST_ROLE, _LONGEST_PREFIX = 64, 30


@dataclass(frozen=True)
class AwsContext:
    """The account, the region and the stack that resources are created for."""

    account: str
    region: str
    stack: str
    team: str
    cost_centre: str

    @property
    def name(self) -> str:
        """The prefix of every name, unique in the account."""
        return stack_prefix(self.stack)

    @property
    def partition(self) -> str:
        return partition(self.region)

    @property
    def domain(self) -> str:
        """The DNS suffix of the partition's services."""
        return "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"

    @property
    def tags(self) -> Mapping[str, str]:
        """Default tags."""
        return {
            f"{DOMAIN}/project": PROJECT,
            f"{DOMAIN}/stack": self.stack,
            f"{DOMAIN}/team": self.team,
            f"{DOMAIN}/cost-centre": self.cost_centre,
        }

    @property
    def registry(self) -> str:
        """The host of the account's ECR registry."""
        return f"{self.account}.dkr.ecr.{self.region}.{self.domain}"

    @property
    def cluster_arn(self) -> str:
        return self.arn("eks", f"cluster/{self.name}")

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource in this region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def iam_arn(self, resource: str) -> str:
        """The ARN of an IAM resource, which has no region."""
        return f"arn:{self.partition}:iam::{self.account}:{resource}"

    @property
    def boundary_name(self) -> str:
        return f"{self.name}-boundary"

    @property
    def boundary(self) -> str:
        """The permissions boundary of the stack's roles."""
        return self.iam_arn(f"policy/{self.boundary_name}")

    @property
    def github(self) -> str:
        """The account's OIDC identity provider for GitHub."""
        return self.iam_arn(f"oidc-provider/{GITHUB}")

    def managed_policy(self, name: str) -> str:
        """An AWS managed policy."""
        return f"arn:{self.partition}:iam::aws:policy/{name}"

    def bucket_name(self, purpose: str) -> str:
        """Globally unique by the account's id."""
        return bucket_name(self.stack, purpose, self.account)

    def bucket_arn(self, purpose: str) -> str:
        return f"arn:{self.partition}:s3:::{self.bucket_name(purpose)}"

    def key_alias(self, purpose: str) -> str:
        """Below a prefix that no other stack's aliases have; `*` is all of the stack's."""
        return f"alias/{self.name}/{purpose}"

    def cache_prefix(self, prefix: str) -> str:
        """The repository prefix of a pull-through cache: at most 30 characters, unique in the account."""
        name = f"{self.name}/{prefix}"
        return name if len(name) <= _LONGEST_PREFIX else f"{prefix}-{fingerprint(name)}"

    def role_arn(self, purpose: str) -> str:
        """Known before the role exists."""
        return self.iam_arn(f"role/{self.role_name(purpose)}")

    def role_name(self, purpose: str) -> str:
        """At most 64 characters: longer names are cut and end with a fingerprint."""
        name = f"{self.name}-{purpose}"
        return name if len(name) <= _LONGEST_ROLE else f"{name[: _LONGEST_ROLE - 9]}-{fingerprint(name)}"

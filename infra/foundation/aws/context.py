"""One account and region, and the names of all that the stack has there.

Names are known before anything exists, so that policies can name what they are about, and a preview shows them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from infra.catalogue.aws.instance_types import partition
from infra.catalogue.aws.names import GITHUB, SCALING_ROLE
from infra.catalogue.names import DOMAIN, PROJECT, fingerprint

_LONGEST_ROLE, _LONGEST_PREFIX = 64, 30


@dataclass(frozen=True)
class AwsContext:
    """Where, and for which stack."""

    account: str
    region: str
    stack: str
    team: str
    cost_centre: str

    @property
    def name(self) -> str:
        """The beginning of every name: what no other stack in the account has."""
        return f"{PROJECT}-{self.stack}"

    @property
    def partition(self) -> str:
        return partition(self.region)

    @property
    def domain(self) -> str:
        """Where the partition's services answer."""
        return "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"

    @property
    def tags(self) -> Mapping[str, str]:
        """On every resource that takes tags."""
        return {
            f"{DOMAIN}/project": PROJECT,
            f"{DOMAIN}/stack": self.stack,
            f"{DOMAIN}/team": self.team,
            f"{DOMAIN}/cost-centre": self.cost_centre,
        }

    @property
    def registry(self) -> str:
        """The account's registry of images."""
        return f"{self.account}.dkr.ecr.{self.region}.{self.domain}"

    @property
    def cluster_arn(self) -> str:
        return self.arn("eks", f"cluster/{self.name}")

    def arn(self, service: str, resource: str) -> str:
        """What is in this region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def iam_arn(self, resource: str) -> str:
        """IAM knows no regions."""
        return f"arn:{self.partition}:iam::{self.account}:{resource}"

    @property
    def boundary_name(self) -> str:
        return f"{self.name}-boundary"

    @property
    def boundary(self) -> str:
        """The permissions boundary of every role that the stack makes."""
        return self.iam_arn(f"policy/{self.boundary_name}")

    @property
    def github(self) -> str:
        """The account's identity provider for GitHub, whoever has made it."""
        return self.iam_arn(f"oidc-provider/{GITHUB}")

    @property
    def scaling_role(self) -> str:
        """The role of Auto Scaling, the same for the whole account."""
        return self.iam_arn(f"role/aws-service-role/autoscaling.amazonaws.com/{SCALING_ROLE}")

    def managed_policy(self, name: str) -> str:
        """A policy that AWS itself keeps."""
        return f"arn:{self.partition}:iam::aws:policy/{name}"

    def bucket_name(self, purpose: str) -> str:
        """The account's number makes it the only one in the world."""
        return f"{self.name}-{purpose}-{self.account}"

    def bucket_arn(self, purpose: str) -> str:
        return f"arn:{self.partition}:s3:::{self.bucket_name(purpose)}"

    def key_alias(self, purpose: str) -> str:
        return f"alias/{self.name}-{purpose}"

    def cache_prefix(self, prefix: str) -> str:
        """Where images of another registry are cached; ECR takes 30 characters, one prefix a cache and account."""
        name = f"{self.name}/{prefix}"
        return name if len(name) <= _LONGEST_PREFIX else f"{prefix}-{fingerprint(name)}"

    def role_name(self, purpose: str) -> str:
        """IAM takes 64 characters; what is longer is cut and stays unique."""
        name = f"{self.name}-{purpose}"
        return name if len(name) <= _LONGEST_ROLE else f"{name[: _LONGEST_ROLE - 9]}-{fingerprint(name)}"

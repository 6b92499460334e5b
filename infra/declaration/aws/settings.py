"""What a platform team can ask of AWS: every setting, its default, its type."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from infra.catalogue.versions import EKS_DEFAULT, MANAGED_GRAFANA_DEFAULT, MIRRORED_BASE_IMAGE, POSTGRESQL_DEFAULT
from infra.declaration.aws.types import (
    Account,
    Bucket,
    CachePrefix,
    Cidr,
    GitRepository,
    IdentityGroup,
    ProviderArn,
    RoleArn,
    Tag,
    Zone,
)
from infra.declaration.settings import Settings
from infra.declaration.teams import Group

LogDays = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
]
"""The retentions that CloudWatch knows."""


class Network(Settings):
    """One VPC. Subnets are computed from its network, and a zone's subnets depend on nothing but the zone."""

    cidr: Cidr = Field(description="The VPC's network, /16 to /20")
    zones: Annotated[tuple[Zone, ...], Field(strict=False, min_length=2)] = Field(description="Three, or two at least")
    nat: Literal["perZone", "single"] = Field(
        default="perZone", description="single is cheaper, and down with its zone"
    )
    isolated_subnets: bool = Field(default=True, description="Subnets without a way out, for the database")
    peers: Annotated[tuple[Cidr, ...], Field(strict=False)] = Field(
        default=(), description="Networks that this one will be joined with, and so must not overlap"
    )


class Cluster(Settings):
    """The EKS cluster. Nobody administers it but the declared roles: not even whoever made it."""

    version: str = Field(default=EKS_DEFAULT, description="Kubernetes' minor version")
    admins: Annotated[tuple[RoleArn, ...], Field(strict=False, min_length=1)] = Field(
        description="Roles that administer it; whoever runs `up` must be one of them"
    )
    groups: dict[Group, RoleArn] = Field(
        default={}, description="By group, as teams name it, the role whose users are in it"
    )
    public_cidrs: Annotated[tuple[Cidr, ...], Field(strict=False)] = Field(
        default=(), description="From where its API may be reached over the internet; none: through the VPC only"
    )
    service_cidr: Cidr = Field(default="172.20.0.0/16", description="The network of Kubernetes' Services")
    upgrade_policy: Literal["STANDARD", "EXTENDED"] = Field(
        default="STANDARD", description="EXTENDED stays on an old version longer, at a price"
    )
    deletion_protection: bool = Field(default=True, description="EKS refuses to delete the cluster while this is on")


OpenRegistry = Literal["public.ecr.aws", "quay.io", "registry.k8s.io"]
"""Those that ECR caches without an account there."""


class ImageRegistry(Settings):
    """The private registry in ECR."""

    keep_images: int = Field(default=50, ge=1, le=1000, description="The last so many of each image stay")
    untagged_days: int = Field(default=7, ge=1, le=365, description="Untagged ones go after so many days")
    mirrors: dict[CachePrefix, OpenRegistry] = Field(
        default={"ecr-public": "public.ecr.aws"}, description="Registries that are cached here, by prefix"
    )
    base_image: str = Field(
        default=MIRRORED_BASE_IMAGE,
        description="What the base image is built from, through a mirror: any Debian with Python",
    )


class Database(Settings):
    """The tracking server's PostgreSQL. RDS makes its password, keeps it and renews it."""

    instance_class: str = Field(default="db.t4g.medium", description="The type of its machine, as RDS names it")
    version: str = Field(default=POSTGRESQL_DEFAULT, description="PostgreSQL's major version")
    storage: int = Field(default=50, ge=20, le=65536, description="The size of its disk, in GiB")
    multi_zone: bool = Field(default=True, description="With a standby in another zone")
    backup_days: int = Field(default=14, ge=1, le=35, description="How many days back it can be restored")


class Ci(Settings):
    """Roles for GitHub's workflows: one that asks on pull requests, one that deploys from an environment."""

    repository: GitRepository = Field(
        description="The repository on GitHub whose workflows take on the roles, as GitHub signs it: docs/aws.md"
    )
    provider: ProviderArn | None = Field(
        default=None, description="The account's identity provider for GitHub, if something else has made it"
    )
    state_bucket: Bucket | None = Field(default=None, description="The S3 bucket with Pulumi's state, if it is in one")
    environment: str = Field(default="prod", description="The GitHub environment whose approval stands before a deploy")


IdentityGroups = Annotated[tuple[IdentityGroup, ...], Field(strict=False)]


class ManagedPrometheus(Settings):
    """A workspace of Amazon Managed Prometheus. The cluster's own writes all that it collects there, for 150 days."""


class ManagedGrafana(Settings):
    """A workspace of Amazon Managed Grafana. People come in through IAM Identity Center, as members of a group."""

    version: str = Field(default=MANAGED_GRAFANA_DEFAULT, description="Grafana's version")
    admins: Annotated[IdentityGroups, Field(min_length=1)] = Field(description="Ids of groups that administer it")
    editors: IdentityGroups = Field(default=(), description="Ids of groups that may draw dashboards of their own")
    viewers: IdentityGroups = Field(default=(), description="Ids of groups that look at it")


class AwsFoundation(Settings):
    """One AWS account and region."""

    account: Account = Field(description="Nothing is done in any other account")
    region: str = Field(description="The region, such as eu-central-1")
    team: Tag = Field(description="A tag on every resource: who answers for it")
    cost_centre: Tag = Field(description="A tag on every resource: who pays for it")
    network: Network = Field(description="The VPC")
    cluster: Cluster = Field(description="The EKS cluster")
    registry: ImageRegistry = Field(default=ImageRegistry(), description="The private registry in ECR")
    database: Database = Field(default=Database(), description="The tracking server's database in RDS")
    log_days: LogDays = Field(default=90, description="How many days logs are kept")
    ci: Ci | None = Field(default=None, description="Roles for GitHub's workflows; none: no such roles")
    managed_prometheus: ManagedPrometheus | None = Field(
        default=None, description="Keeps metrics beyond the cluster; without it the cluster's own volume is all"
    )
    managed_grafana: ManagedGrafana | None = Field(
        default=None, description="Draws the dashboards beside the status page; its users are charged one by one"
    )

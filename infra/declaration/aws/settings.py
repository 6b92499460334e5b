"""Settings of the aws foundation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from infra.catalogue.versions import EKS_DEFAULT, MANAGED_GRAFANA_DEFAULT, MIRRORED_BASE_IMAGE, POSTGRESQL_DEFAULT
from infra.declaration.aws.recovery import Backup, RestoreFrom
from infra.declaration.aws.system_pool import MaintenanceWindow, SystemPool
from infra.declaration.aws.types import (
    Account,
    Bucket,
    CachePrefix,
    Cidr,
    GitEnvironment,
    GitRepository,
    IdentityGroup,
    InstanceName,
    KeyAlias,
    KubernetesMinor,
    ProviderArn,
    RoleArn,
    Tag,
    Zone,
)
from infra.declaration.teams import Group
from infra.declaration.types import Settings

LogDays = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
]
"""Retention periods that CloudWatch Logs supports."""


class Network(Settings):
    """The VPC. Subnets are computed from its CIDR; a zone's subnets depend on the zone only."""

    cidr: Cidr = Field(description="CIDR of the VPC, /16 to /20")
    zones: Annotated[tuple[Zone, ...], Field(strict=False, min_length=2)] = Field(
        description="Availability zones; at least two, three recommended"
    )
    nat: Literal["perZone", "single"] = Field(
        default="perZone",
        description="NAT gateways: one per zone, or a single one, which is cheaper and fails with its zone",
    )
    isolated_subnets: bool = Field(default=True, description="Add subnets without internet access for the database")
    interface_endpoints: bool = Field(
        default=False,
        description="Reach the AWS services that nodes and the platform use through interface endpoints instead of NAT "
        "gateways; each costs about 9 $ a month and zone. S3 has a gateway endpoint, which is free, in any case",
    )
    peers: Annotated[tuple[Cidr, ...], Field(strict=False)] = Field(
        default=(), description="CIDRs of networks to be peered; they must not overlap"
    )


class Cluster(Settings):
    """The EKS cluster. Only the declared roles administer it; its creator gets no access by default."""

    version: KubernetesMinor = Field(default=EKS_DEFAULT, description="Kubernetes minor version, such as 1.36")
    admins: Annotated[tuple[RoleArn, ...], Field(strict=False, min_length=1)] = Field(
        description="IAM roles with cluster-admin; the role that runs `up` must be among them"
    )
    groups: dict[Group, RoleArn] = Field(
        default={}, description="By Kubernetes group, as in `teams`, the IAM role that is mapped to it"
    )
    public_cidrs: Annotated[tuple[Cidr, ...], Field(strict=False)] = Field(
        default=(), description="CIDRs that may reach the API endpoint from the internet; none: private endpoint only"
    )
    service_cidr: Cidr = Field(default="172.20.0.0/16", description="CIDR of Services")
    upgrade_policy: Literal["STANDARD", "EXTENDED"] = Field(
        default="STANDARD", description="Support type; EXTENDED keeps an old version longer, at extra cost"
    )
    deletion_protection: bool = Field(default=True, description="Refuse to delete the cluster")


OpenRegistry = Literal["public.ecr.aws", "quay.io", "registry.k8s.io"]
"""Registries that ECR pull-through cache supports without credentials."""


class ImageRegistry(Settings):
    """The private registry in ECR."""

    keep_images: int = Field(default=50, ge=1, le=1000, description="Number of images to keep per repository")
    untagged_days: int = Field(default=7, ge=1, le=365, description="Days until untagged images expire")
    mirrors: dict[CachePrefix, OpenRegistry] = Field(
        default={"ecr-public": "public.ecr.aws"},
        description="Pull-through cache rules: upstream registry by repository prefix",
    )
    base_image: str = Field(
        default=MIRRORED_BASE_IMAGE,
        description="Image that the base image is built from, through a mirror: any Debian with Python",
    )


class Database(Settings):
    """The tracking server's PostgreSQL in RDS, which manages and rotates its password."""

    name: InstanceName = Field(
        default="tracking",
        description="Name of the instance within the stack. A restored instance needs another one than the instance "
        "that it replaces",
    )
    instance_class: str = Field(default="db.t4g.medium", description="RDS instance class")
    version: str = Field(default=POSTGRESQL_DEFAULT, description="PostgreSQL major version")
    storage: int = Field(default=50, ge=20, le=65536, description="Storage in GiB")
    multi_zone: bool = Field(default=True, description="Multi-AZ: a standby in another zone")
    backup_days: int = Field(default=14, ge=1, le=35, description="Days that automated backups are kept")
    restore_from: RestoreFrom | None = Field(
        default=None,
        description="What the instance is created from; later changes are refused, and it may be removed then; none: "
        "an empty database",
    )
    retained: Annotated[tuple[InstanceName, ...], Field(strict=False)] = Field(
        default=(),
        description="Former instances, by name, that are kept beside the present one; nothing uses them. They have the "
        "same class, version, storage and standby, and cost as much",
    )


class Ci(Settings):
    """IAM roles for GitHub Actions: read-only for pull requests, and one that deploys from an environment."""

    repository: GitRepository = Field(
        description="GitHub repository whose workflows may assume the roles, as in the OIDC subject claim: docs/aws.md"
    )
    provider: ProviderArn | None = Field(
        default=None, description="ARN of an existing OIDC provider for GitHub; none: it is created"
    )
    state_bucket: Bucket | None = Field(default=None, description="S3 bucket of the Pulumi state backend, if it is one")
    state_key: KeyAlias = Field(
        default="alias/ml-platform-state",
        description="Alias of the KMS key that encrypts the stack's secrets, as in `pulumi stack init`",
    )
    environment: GitEnvironment = Field(default="prod", description="GitHub environment that deploys require")


IdentityGroups = Annotated[tuple[IdentityGroup, ...], Field(strict=False)]


class ManagedPrometheus(Settings):
    """A workspace of Amazon Managed Service for Prometheus, which the cluster's Prometheus writes to.

    Retention: 150 days.
    """


class ManagedGrafana(Settings):
    """A workspace of Amazon Managed Grafana. Users log in through IAM Identity Center."""

    version: str = Field(default=MANAGED_GRAFANA_DEFAULT, description="Grafana version")
    admins: Annotated[IdentityGroups, Field(min_length=1)] = Field(
        description="Identity Center group ids with the role Admin"
    )
    editors: IdentityGroups = Field(default=(), description="Identity Center group ids with the role Editor")
    viewers: IdentityGroups = Field(default=(), description="Identity Center group ids with the role Viewer")


class AwsFoundation(Settings):
    """One AWS account and region."""

    account: Account = Field(description="Account id; the providers refuse any other account")
    region: str = Field(description="AWS region, such as eu-central-1")
    team: Tag = Field(description="The owning team, a tag of every resource")
    cost_centre: Tag = Field(description="The cost centre, a tag of every resource")
    network: Network = Field(description="The VPC")
    cluster: Cluster = Field(description="The EKS cluster")
    registry: ImageRegistry = Field(default=ImageRegistry(), description="The private registry in ECR")
    database: Database = Field(default=Database(), description="The tracking server's database in RDS")
    backup: Backup | None = Field(
        default=None, description="Copies of backups and artifacts in a second region; none: one region only"
    )
    system_pool: SystemPool = Field(default=SystemPool(), description="Nodes of everything that names no pool")
    maintenance_window: MaintenanceWindow = Field(
        default="sun:02:00-sun:06:00",
        description="Weekly window in UTC in which nodes in use are replaced by new versions, and RDS maintains the "
        "database",
    )
    log_days: LogDays = Field(default=90, description="Retention of logs, in days")
    ci: Ci | None = Field(default=None, description="IAM roles for GitHub Actions; none: no roles")
    managed_prometheus: ManagedPrometheus | None = Field(
        default=None, description="Long-term metrics store; none: metrics are kept on the cluster's volume only"
    )
    managed_grafana: ManagedGrafana | None = Field(
        default=None, description="Managed Grafana for the dashboards; AWS charges per user"
    )

"""What a place must offer for the platform to stand on it.

Plain types for what is known before anything exists, `Input` for what the place's own resources make. No component
asks which place it is: what differs is data here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import pulumi
import pulumi_docker as docker
from pulumi_kubernetes import KubeClientSettingsArgs


@dataclass(frozen=True)
class Registry:
    """The private registry, as those see it who push and those who pull."""

    server: pulumi.Input[str]
    repositories: Mapping[str, pulumi.Input[str]]
    """By image name, the address without a tag."""
    username: pulumi.Input[str]
    password: pulumi.Output[str]
    pull_config: pulumi.Output[str] | None
    """A `dockerconfigjson` for pods; none where the nodes have an identity that may pull."""
    builder: docker.Provider
    ready: Sequence[pulumi.Resource] = ()
    """What must exist before the first push."""
    metrics: str | None = None
    """Host and port at which pods of the platform are told its metrics; None where they are not."""


@dataclass(frozen=True)
class Toleration:
    """One taint that a pod accepts."""

    key: str
    value: str
    effect: str


@dataclass(frozen=True)
class Placement:
    """How a pod gets onto the nodes of one pool."""

    pool: str
    node_selector: Mapping[str, str]
    tolerations: Sequence[Toleration]
    simulated: bool
    """Nothing is computed there: no true result may be expected from such a pod."""
    ready: Sequence[pulumi.Resource] = ()
    """What must exist before a pod is placed."""


@dataclass(frozen=True)
class Volume:
    """A disk that outlives the pod."""

    storage_class: str | None
    """None: the cluster's default."""


@dataclass(frozen=True)
class Storage:
    """Where the tracking server keeps runs, users and models."""

    database: pulumi.Input[str]
    """An SQLAlchemy address, without a password in it."""
    artifacts: pulumi.Input[str]
    """A URI, or a folder on the tracking server's volume."""
    volume: Volume | None = None
    """None where nothing is kept in the pod."""
    users: pulumi.Input[str] | None = None
    """Another address for the server's users; None: a file on the volume."""
    database_login: pulumi.Input[str] | None = None
    """Which secret of the place holds the database's user name and password; None where it asks for none."""


@dataclass(frozen=True)
class RemoteWrite:
    """Where metrics are kept beside the cluster. Requests are signed for a region, with the identity of the pod."""

    url: pulumi.Input[str]
    region: str


@dataclass(frozen=True)
class Topic:
    """Where a message goes to all who subscribed. Requests are signed for a region, with the identity of the pod."""

    arn: pulumi.Input[str]
    region: str


@dataclass(frozen=True)
class ManagedGrafana:
    """A Grafana that the place runs. Whoever puts something into it makes a token by the identity of the pod."""

    workspace: pulumi.Input[str]
    """Its id, which requests for a token name."""
    url: pulumi.Input[str]
    region: str
    metrics: pulumi.Input[str]
    """Where it asks the place's store of metrics, with an identity of its own."""


@dataclass(frozen=True)
class Pipeline:
    """Roles of the place that workflows take on: one that may only ask on pull requests, one that deploys."""

    preview: pulumi.Input[str]
    deploy: pulumi.Input[str]


Port = tuple[Literal["TCP", "UDP"], int]


@dataclass(frozen=True)
class NetworkHole:
    """What every pod may reach beside its own namespace: either addresses, or pods by their labels."""

    purpose: str
    ports: Sequence[Port]
    cidr: str | None = None
    namespace: str | None = None
    pods: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class WorkloadIdentity:
    """Who a pod is (a service account) and what it may reach outside the cluster."""

    name: str
    namespace: str
    service_account: str
    reads: Sequence[str] = ()
    writes: Sequence[str] = ()
    """Prefixes in the artifact store."""
    database: bool = False
    """Whether it may read the login of the tracking server's database."""
    writes_metrics: bool = False
    """Whether it may add to the place's store of metrics."""
    publishes: Sequence[str] = ()
    """Names of topics."""
    dashboards: bool = False
    """Whether it may make itself a token for the place's Grafana."""


class IdentityBinder(Protocol):
    """Gives a service account an identity in the place; returns what a pod must wait for."""

    def __call__(self, identity: WorkloadIdentity, opts: pulumi.ResourceOptions) -> Sequence[pulumi.Resource]: ...


class SecretStore(Protocol):
    """Keeps a declared secret of a team where the place has its secrets; the value as it is there is what holds."""

    def __call__(
        self, name: str, team: str, value: pulumi.Output[str], opts: pulumi.ResourceOptions
    ) -> pulumi.Output[str]: ...


CLIENT_SETTINGS = KubeClientSettingsArgs(qps=200, burst=400)
"""Requests a second of the Kubernetes provider: its own limit of 50 slows a large stack down."""


@dataclass(frozen=True)
class Foundation:
    """Everything above stands on this."""

    kubernetes: pulumi.ProviderResource
    random: pulumi.ProviderResource
    registry: Registry
    base_image: str
    """What the platform's own base image is built from; part of every image's content hash."""
    storage: Storage
    pools: Mapping[str, Placement]
    bind_identity: IdentityBinder
    store_secret: SecretStore
    egress: Sequence[NetworkHole]
    """Where names are answered, and what else pods need of the place."""
    metrics_store: RemoteWrite | None = None
    """None: metrics are kept in the cluster alone."""
    topics: Mapping[str, Topic] = field(default_factory=dict)
    """Those that receivers of alerts name."""
    grafana: ManagedGrafana | None = None
    """None: the place runs none."""
    pipeline: Pipeline | None = None
    """None: whoever deploys comes with rights of their own."""

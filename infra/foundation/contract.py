"""What a foundation provides: its capabilities, as data.

Plain types for what is known at preview, `Input` for what the foundation's own resources compute. Components above the
foundation read capabilities from here and never ask which foundation it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import pulumi
import pulumi_docker as docker
from pulumi_kubernetes import KubeClientSettingsArgs


@dataclass(frozen=True)
class Repository:
    """The repository of one image."""

    address: str
    """Without a tag."""
    ready: Sequence[pulumi.Resource] = ()
    """What must exist before the first push."""


@dataclass(frozen=True)
class Registry:
    """The private registry: where builds push and nodes pull."""

    server: str
    prefix: str
    """Server and path that every repository of the stack begins with."""
    repository: Callable[[str], Repository]
    """The repository of an image, created when it is first asked for."""
    username: pulumi.Input[str]
    password: pulumi.Output[str]
    pull_config: pulumi.Output[str] | None
    """A `dockerconfigjson` for pods; None where nodes pull with an identity of their own."""
    builder: docker.Provider
    generated_login: bool = False
    """Whether the platform generated the login, so that nobody else knows it."""
    metrics: str | None = None
    """Host and port of the registry's metrics, as pods reach them; None: they are not scraped."""


@dataclass(frozen=True)
class Toleration:
    """One taint that a pod tolerates."""

    key: str
    value: str | None
    """None: any value."""
    effect: str


def nothing_more(gpus: int) -> Mapping[str, str]:
    """A pod gets what it requests."""
    return {}


@dataclass(frozen=True)
class Placement:
    """How pods are scheduled to the nodes of one pool."""

    pool: str
    node_selector: Mapping[str, str]
    tolerations: Sequence[Toleration]
    simulated: bool
    """Pods are scheduled but never executed."""
    runtime_class: str | None = None
    """The RuntimeClass of its pods; None: the nodes' default."""
    gpus: bool = False
    """Whether its nodes have GPUs."""
    resources_with: Callable[[int], Mapping[str, str]] = nothing_more
    """Resources that a pod gets with so many GPUs, such as network interfaces, besides what it requests."""
    needs_device_plugin: bool = False
    """Whether the platform must install NVIDIA's device plugin on its nodes; otherwise the nodes bring one."""
    ready: Sequence[pulumi.Resource] = ()
    """What must exist before a pod is scheduled."""

    @property
    def has_real_gpus(self) -> bool:
        return self.gpus and not self.simulated


@dataclass(frozen=True)
class Volume:
    """A volume that outlives the pod."""

    storage_class: str | None
    """None: the cluster's default class."""


STORAGE_FILES = "/var/run/secrets/logins"
"""The folder of the tracking server with `Storage.files`."""


@dataclass(frozen=True)
class Snapshot:
    """A copy of a database."""

    name: pulumi.Input[str]
    """By which it is restored."""
    ready: Sequence[pulumi.Resource]
    """What must exist before the database is changed."""


@dataclass(frozen=True)
class Storage:
    """Where the tracking server stores runs, users and models."""

    database: pulumi.Input[str]
    """An SQLAlchemy address, without a password in it."""
    artifacts: pulumi.Input[str]
    """A URI, or a folder on the tracking server's volume."""
    volume: Volume | None = None
    """None: the pod stores nothing itself."""
    users: pulumi.Input[str] | None = None
    """The SQLAlchemy address of the user database; None: a file on the volume."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """More environment of the tracking server: how it reaches the store."""
    files: Mapping[str, pulumi.Output[str]] = field(default_factory=dict)
    """Secret files in the folder `STORAGE_FILES`, read when the server starts: long random keys."""
    snapshot: Callable[[str], Snapshot] | None = None
    """Makes a snapshot before the migration to a version of MLflow; None: the migration itself copies a file."""
    database_login: pulumi.Input[str] | None = None
    """The id of the foundation's secret with the database's user name and password; None: it needs no login."""


def storage_on(volume: Volume) -> Storage:
    """Runs, users and artifacts on one volume."""
    return Storage(database="sqlite:////data/mlflow.db", artifacts="/data/artifacts", volume=volume)


@dataclass(frozen=True)
class RemoteWrite:
    """A metrics store outside the cluster."""

    url: pulumi.Input[str]
    signing: Mapping[str, Any]
    """Settings of Prometheus' `remote_write` that authenticate its requests."""


@dataclass(frozen=True)
class Topic:
    """A topic that alerts are published to."""

    receiver: Mapping[str, Any]
    """The configuration of the Alertmanager receiver that publishes to it, without a name."""


@dataclass(frozen=True)
class ManagedGrafana:
    """A Grafana that the foundation runs."""

    url: pulumi.Input[str]
    delivery_env: Mapping[str, pulumi.Input[str]]
    """Environment of the pod that delivers dashboards: how it requests a token, and the data source to set up."""


@dataclass(frozen=True)
class Pipeline:
    """Roles that CI workflows assume: a read-only one for previews of pull requests, and one that deploys."""

    preview: pulumi.Input[str]
    deploy: pulumi.Input[str]


Port = tuple[Literal["TCP", "UDP"], int]


@dataclass(frozen=True)
class AllowedEgress:
    """A destination outside its namespace that every pod may reach: a CIDR, or pods selected by labels."""

    purpose: str
    ports: Sequence[Port]
    cidr: str | None = None
    namespace: str | None = None
    pods: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ObjectStore:
    """Where the pods of one team read datasets that are objects, by S3's protocol."""

    address: str
    """The bucket's URI; keys of objects follow a slash."""
    env: Mapping[str, pulumi.Input[str]]
    """How S3's clients reach it."""
    egress: Sequence[AllowedEgress]
    """The store, and what else its readers must reach."""
    credentials: pulumi.Output[str] | None = None
    """A file in the format of AWS' shared credentials; None: an identity of the foundation."""
    credentials_variable: str = "AWS_SHARED_CREDENTIALS_FILE"
    """The environment variable by which clients find that file."""
    ready: Sequence[pulumi.Resource] = ()
    """What must exist before a pod reads from it."""


def shared_credentials(id: str, secret: pulumi.Output[str]) -> pulumi.Output[str]:
    """A file in the format of AWS' shared credentials."""
    return pulumi.Output.format("[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n", id, secret)


@dataclass(frozen=True)
class Bucket:
    """The bucket for datasets, and the key with which people write to it."""

    endpoint: str
    """The store's URL on this machine."""
    name: str
    access_key: str
    secret_key: pulumi.Output[str]


@dataclass(frozen=True)
class Entrance:
    """How connections from outside the cluster reach the Service of the gateway."""

    type: Literal["ClusterIP", "LoadBalancer"]
    https_port: int = 443
    """That callers use."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    cluster_ip: str | None = None
    """None: the cluster chooses one."""
    load_balancer_class: str | None = None
    source_cidrs: Sequence[str] = ()
    reaches_pods: bool = False
    """Whether the load balancer needs no ports of nodes."""
    has_certificate: bool = False
    """Whether callers see a certificate of the foundation; otherwise the stack signs one."""


class DomainEgress(Protocol):
    """Lets pods with these labels reach hosts, each a DNS name and a TCP port."""

    def __call__(
        self,
        name: str,
        namespace: str,
        pods: Mapping[str, str],
        hosts: Sequence[tuple[str, int]],
        opts: pulumi.ResourceOptions,
    ) -> pulumi.Resource: ...


@dataclass(frozen=True)
class WorkloadIdentity:
    """A service account, and what it may access outside the cluster."""

    name: str
    namespace: str
    service_account: str
    datasets: Sequence[str] = ()
    """Key prefixes that it reads in the bucket for datasets, each with a slash at its end."""
    writes: Sequence[str] = ()
    """Key prefixes in the artifact store."""
    database: bool = False
    """Whether it may read the login of the tracking server's database."""
    writes_metrics: bool = False
    """Whether it may write to the metrics store."""
    publishes: Sequence[str] = ()
    """Names of the topics it may publish to."""
    dashboards: bool = False
    """Whether it may create tokens for the managed Grafana."""

    @property
    def has_access(self) -> bool:
        """Whether it may access anything: otherwise it needs no identity."""
        named = (self.datasets, self.writes, self.publishes)
        return any(named) or self.database or self.writes_metrics or self.dashboards


class IdentityBinder(Protocol):
    """Binds a service account to an identity of the foundation; returns what pods must wait for."""

    def __call__(self, identity: WorkloadIdentity, opts: pulumi.ResourceOptions) -> Sequence[pulumi.Resource]: ...


class SecretStore(Protocol):
    """Stores a team's declared secret in the foundation's secret store; returns the value read back from it."""

    def __call__(
        self, name: str, team: str, value: pulumi.Output[str], opts: pulumi.ResourceOptions
    ) -> pulumi.Output[str]: ...


def nothing_to_bind(identity: WorkloadIdentity, opts: pulumi.ResourceOptions) -> Sequence[pulumi.Resource]:
    """An `IdentityBinder` where nothing outside the cluster needs an identity."""
    return ()


def nowhere_else(name: str, team: str, value: pulumi.Output[str], opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """A `SecretStore` where secrets are stored in the cluster only."""
    return value


CLIENT_SETTINGS = KubeClientSettingsArgs(qps=200, burst=400)
"""Requests a second of the Kubernetes provider: its own limit of 50 slows a large stack down."""


@dataclass(frozen=True)
class Foundation:
    """What the components above the foundation get."""

    kubernetes: pulumi.ProviderResource
    random: pulumi.ProviderResource
    registry: Registry
    base_image: str
    """What the platform's base image is built from; part of every image's content hash."""
    storage: Storage
    pools: Mapping[str, Placement]
    gpus: Literal["real", "simulated"]
    """Whether GPUs have an exporter of their own, or the platform simulates their metrics."""
    bind_identity: IdentityBinder
    store_secret: SecretStore
    egress: Sequence[AllowedEgress]
    """DNS, and what else pods need of the foundation."""
    seconds_for_a_node: int = 0
    """How long pods may wait for a node that is started for them; 0: all nodes are there."""
    ready: Sequence[pulumi.Resource] = ()
    """What must exist before the first pod."""
    metrics_store: RemoteWrite | None = None
    """None: metrics are stored in the cluster only."""
    topics: Mapping[str, Topic] = field(default_factory=dict)
    """Topics that alert receivers name."""
    grafana: ManagedGrafana | None = None
    """None: the foundation runs no Grafana."""
    pipeline: Pipeline | None = None
    """None: deployments use the caller's own permissions."""
    object_stores: Mapping[str, ObjectStore] = field(default_factory=dict)
    """By team that has datasets as objects."""
    bucket: Bucket | None = None
    """None: people write datasets with identities of their own."""
    entrance: Entrance | None = None
    """None: no gateway is declared, or one of an existing class, which has a load balancer of its own."""
    domain_egress: DomainEgress | None = None
    """None: network policies know addresses only."""
    pod_logs: str = "/var/log/pods"
    """The folder on nodes in which kubelets keep the logs of pods."""

    @property
    def volume(self) -> Volume:
        """How to claim a volume in the cluster."""
        return self.storage.volume or Volume(None)

"""Settings of the cluster foundation: a Kubernetes cluster and a registry that exist already; the rules for them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, WithJsonSchema

from infra.catalogue.names import LOCAL_CONTEXT, PLATFORM
from infra.catalogue.versions import PUBLIC_BASE_IMAGE
from infra.declaration.egress import Addresses, overlapping
from infra.declaration.problems import Problem, suggestion
from infra.declaration.types import BUCKET, Address, LabelKey, LabelValue, Name, NonEmpty, Settings, matching

if TYPE_CHECKING:
    from infra.declaration.model import Platform

_PART = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SERVER = re.compile(rf"^({_PART}(\.{_PART})+|{_PART}(\.{_PART})*(?=:))(:([0-9]{{1,5}}))?$", re.ASCII)
_PATH_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
"""As registries define it: `a..b` and `a_-b` are none."""
_PREFIX = rf"^{_PATH_COMPONENT}(/{_PATH_COMPONENT})*$"
_PREFIX_RULE = "words of lower-case letters and digits, joined by '/', such as research/ml-platform"
_SECRET = re.compile(r"^[a-z]([-a-z0-9]*[a-z0-9])?$", re.ASCII)
_DOCKER_HUB = ("docker.io", "index.docker.io", "registry-1.docker.io")


def _server(value: str) -> str:
    found = _SERVER.fullmatch(value)
    if not found or int(found[found.re.groups] or 443) > 65535:
        message = "write the host alone, without https:// and path, such as registry.example.com or 10.0.0.2:5000"
        raise ValueError(f"{value!r} is not the address of a registry; {message}")
    if value in _DOCKER_HUB:
        raise ValueError(f"{value!r} is Docker Hub, whose repositories have no prefix; write another registry")
    return value


def _secret(value: str) -> str:
    """Its message does not repeat the value, which may be the password itself."""
    if not _SECRET.fullmatch(value) or len(value) > 63:
        raise ValueError("is not the name of a secret; write the name of an entry in 'secrets', never the password")
    return value


Server = Annotated[str, AfterValidator(_server), WithJsonSchema({"type": "string", "pattern": _SERVER.pattern})]
"""A host with a port unless it is 443. A word alone would be a repository of Docker Hub for clients of registries."""
RepositoryPrefix = Annotated[
    str,
    AfterValidator(matching(_PREFIX, "the beginning of a repository's name", _PREFIX_RULE)),
    WithJsonSchema({"type": "string", "pattern": _PREFIX, "maxLength": 200}),
]
SecretName = Annotated[
    str, AfterValidator(_secret), WithJsonSchema({"type": "string", "pattern": _SECRET.pattern, "maxLength": 63})
]


def _url(value: str) -> str:
    parts = urlsplit(value)
    is_server = parts.scheme in ("http", "https") and parts.hostname and not parts.path.strip("/") and not parts.query
    if not is_server or any(character.isspace() for character in value):
        raise ValueError(f"{value!r} is not the URL of a server; write one such as https://minio.example.com")
    return value


Url = Annotated[str, AfterValidator(_url), WithJsonSchema({"type": "string", "format": "uri"})]
Bucket = Annotated[
    str,
    AfterValidator(matching(BUCKET, "a bucket name", "the name alone, such as research-models")),
    WithJsonSchema({"type": "string", "pattern": BUCKET}),
]


class RegistryLogin(Settings):
    """A user of the registry."""

    username: NonEmpty = Field(description="The user, robot account or service account")
    password: SecretName = Field(
        description="Name of a secret of team 'platform' that has the password, token or key: see `secrets`"
    )


class ContainerRegistry(Settings):
    """A registry that exists already, of any maker: builds push to it, nodes pull from it."""

    server: Server = Field(description="Host, and port unless it is 443, such as registry.example.com:8443")
    prefix: RepositoryPrefix = Field(
        description="Path that the repositories of the stack's images begin with, such as research/ml-platform"
    )
    push: RegistryLogin = Field(description="Who pushes images and reads what is there")
    pull: RegistryLogin | None = Field(
        default=None, description="Who pods pull images as; none: nodes have an identity of their own"
    )


class ClusterDns(Settings):
    """The cluster's DNS server. Network policies let pods reach no other."""

    namespace: Name = Field(default="kube-system", description="Namespace of its pods")
    labels: dict[LabelKey, LabelValue] = Field(
        default={"k8s-app": "kube-dns"}, min_length=1, description="Labels of its pods"
    )
    port: int = Field(default=53, ge=1, le=65535, description="Port that the pods listen on; 5353 in OpenShift")
    address: Address | None = Field(
        default=None, description="IP address of a cache on each node, such as 169.254.20.10; none: there is none"
    )


class AccessKey(Settings):
    """A key of the object store's user."""

    id: NonEmpty = Field(description="Access key id")
    secret: SecretName = Field(
        description="Name of a secret of team 'platform' that has the secret access key: see `secrets`"
    )


class ArtifactStore(Settings):
    """A bucket for models and other artifacts, in any store that speaks S3's protocol."""

    bucket: Bucket = Field(description="A bucket that exists")
    prefix: RepositoryPrefix = Field(default="models", description="Prefix of the objects' keys")
    endpoint: Url | None = Field(
        default=None,
        description="URL of the store, as pods reach it, such as https://minio.example.com; none: Amazon S3",
    )
    region: NonEmpty = Field(default="us-east-1", description="Region of the bucket; other stores ignore it")
    access_key: AccessKey = Field(description="The key of a user that may list, read, write and delete objects")


class DatasetStore(Settings):
    """A bucket for datasets, in any store that speaks S3's protocol. Pods read it directly, each team with its own key:
    the store must limit that key's user to reading the prefixes of the team's datasets.
    """

    bucket: Bucket = Field(description="A bucket that exists")
    endpoint: Url = Field(description="URL of the store, as pods reach it, such as https://minio.example.com")
    addresses: Annotated[tuple[Addresses, ...], Field(strict=False, min_length=1)] = Field(
        description="IPv4 addresses or CIDRs of `endpoint`, which network policies let pods reach on its port"
    )
    region: NonEmpty = Field(default="us-east-1", description="Region of the bucket; other stores ignore it")
    access_keys: dict[Name, AccessKey] = Field(
        min_length=1, description="By team, the key of a user that may list and read objects of its datasets"
    )

    @property
    def port(self) -> int:
        """Of the endpoint."""
        parts = urlsplit(self.endpoint)
        return parts.port or (443 if parts.scheme == "https" else 80)


class ClusterFoundation(Settings):
    """A Kubernetes cluster and a registry that exist already, wherever they are. Node pools are existing nodes."""

    kube_context: NonEmpty = Field(
        description="Kube context of the cluster, as in your kubeconfig; the current context is never used"
    )
    registry: ContainerRegistry = Field(description="The registry for the stack's images")
    base_image: NonEmpty = Field(
        default=PUBLIC_BASE_IMAGE,
        description="Image that the base image is built from: any Debian with Python that can be pulled",
    )
    dns: ClusterDns = Field(default=ClusterDns(), description="The cluster's DNS server")
    storage_class: NonEmpty | None = Field(
        default=None, description="StorageClass of volumes; none: the cluster's default"
    )
    artifact_store: ArtifactStore | None = Field(
        default=None, description="A bucket for models; none: a volume of the tracking server"
    )
    dataset_store: DatasetStore | None = Field(
        default=None, description="A bucket for datasets; none: datasets are volumes"
    )
    internal_cidrs: Annotated[tuple[Addresses, ...], Field(strict=False)] = Field(
        default=(),
        description="CIDRs of the cluster's pods, Services and nodes, which no declared egress may reach; required "
        "where a workload declares `egress`",
    )

    def logins(self) -> Iterator[tuple[str, RegistryLogin]]:
        """The registry's users, by their paths below the foundation."""
        yield "registry.push", self.registry.push
        if self.registry.pull is not None:
            yield "registry.pull", self.registry.pull

    def named_secrets(self) -> Iterator[tuple[str, str]]:
        """Secrets that it uses, and no workload, after the path of the setting that names them."""
        for place, login in self.logins():
            yield f"{place}.password", login.password
        if self.artifact_store is not None:
            yield "artifactStore.accessKey.secret", self.artifact_store.access_key.secret
        for team, key in self.dataset_store.access_keys.items() if self.dataset_store else ():
            yield f"datasetStore.accessKeys.{team}.secret", key.secret


def its_secrets_are_declared(platform: Platform, root: Path) -> Iterator[Problem]:
    """Each is a secret of the platform, whose value somebody has set."""
    cluster = platform.foundation.cluster
    for place, name in cluster.named_secrets() if cluster else ():
        path = f"foundation.cluster.{place}"
        secret = platform.secrets.get(name)
        if secret is None:
            fix = f"declare {name}: {{team: {PLATFORM}}} under 'secrets'"
            yield Problem(path, f"secret '{name}' is not declared{suggestion(name, platform.secrets)}; {fix}")
        elif secret.team != PLATFORM:
            yield Problem(path, f"secret '{name}' belongs to team '{secret.team}'; write a secret of team '{PLATFORM}'")
        elif secret.generate:
            message = "its value exists already, outside of the platform"
            yield Problem(f"secrets.{name}.generate", f"{message}; remove 'generate' and set the value")


def pods_cannot_push(platform: Platform, root: Path) -> Iterator[Problem]:
    """Members of a team can read the login that their pods pull with."""
    registry = platform.foundation.cluster.registry if platform.foundation.cluster else None
    if registry is None or registry.pull is None:
        return
    if registry.pull.password == registry.push.password:
        fix = "write one that may only pull, or omit 'pull' where nodes have an identity"
        message = f"is that of 'push' too, and every team can read it; {fix}"
        yield Problem("foundation.cluster.registry.pull.password", message)


def the_context_is_of_an_existing_cluster(platform: Platform, root: Path) -> Iterator[Problem]:
    """The local cluster's context is looked up in a kubeconfig of its own."""
    cluster = platform.foundation.cluster
    if cluster is not None and cluster.kube_context == LOCAL_CONTEXT:
        fix = f"rename yours: kubectl config rename-context {LOCAL_CONTEXT} <name>"
        message = f"'{LOCAL_CONTEXT}' is the cluster that `make up` starts on the local foundation; {fix}"
        yield Problem("foundation.cluster.kubeContext", message)


def its_secrets_are_its_own(platform: Platform, root: Path) -> Iterator[Problem]:
    """They are in no namespace as such, so nobody else can use them."""
    own = platform.foundation.secrets
    for path, secret in platform.monitoring.named_secrets() if platform.monitoring else ():
        if secret in own:
            yield Problem(f"monitoring.{path}", f"secret '{secret}' is the foundation's; write another secret")


def pools_select_existing_nodes(platform: Platform, root: Path) -> Iterator[Problem]:
    """No pool creates nodes here."""
    for name, pool in platform.node_pools.items() if platform.foundation.cluster else ():
        if not pool.labels:
            message = "the cluster foundation finds a pool's nodes by their labels; write at least one"
            yield Problem(f"nodePools.{name}.labels", message)
        if pool.min:
            message = "the cluster foundation creates no nodes; remove 'min', and write in 'max' how many there are"
            yield Problem(f"nodePools.{name}.min", message)


def dataset_keys_are_of_one_team(platform: Platform, root: Path) -> Iterator[Problem]:
    """Each team with datasets has a key, which lets nobody read or write anything else."""
    cluster = platform.foundation.cluster
    store = cluster.dataset_store if cluster else None
    if cluster is None or store is None:
        return
    owners = {cluster.artifact_store.access_key.secret: "artifactStore"} if cluster.artifact_store else {}
    for team, key in store.access_keys.items():
        path = f"foundation.cluster.datasetStore.accessKeys.{team}"
        if team not in platform.teams:
            yield Problem(path, f"team '{team}' is not declared{suggestion(team, platform.teams)}")
        elif team not in platform.dataset_teams():
            yield Problem(path, f"no dataset of team '{team}' has 'objects'; declare one, or remove this")
        if key.secret in owners:
            message = f"secret '{key.secret}' is that of {owners[key.secret]}, too; write a key of team '{team}' only"
            yield Problem(f"{path}.secret", message)
        owners.setdefault(key.secret, f"team '{team}'")


def the_dataset_store_is_outside(platform: Platform, root: Path) -> Iterator[Problem]:
    """Policies select pods by labels, and translate the addresses of Services before they apply."""
    cluster = platform.foundation.cluster
    store = cluster.dataset_store if cluster else None
    for position, addresses in enumerate(store.addresses if store else ()):
        inside = overlapping(addresses, platform.foundation.internal_networks)
        if inside:
            message = f"{addresses} overlaps {inside}; write addresses of a store outside the cluster"
            yield Problem(f"foundation.cluster.datasetStore.addresses.{position}", message)


CLUSTER_RULES = (
    the_context_is_of_an_existing_cluster,
    pods_cannot_push,
    its_secrets_are_declared,
    its_secrets_are_its_own,
    dataset_keys_are_of_one_team,
    the_dataset_store_is_outside,
    pools_select_existing_nodes,
)

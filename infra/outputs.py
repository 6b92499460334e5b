"""The stack's outputs: the contract with scripts and other stacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

import pulumi

from infra.catalogue.names import ADMINISTRATOR
from infra.foundation import Bucket, Foundation, Pipeline, Registry
from infra.gateway.gateway import Gateway
from infra.images import BuiltImage
from infra.observability.dashboards.delivery import Delivery
from infra.observability.deployed_grafana import PORT as GRAFANA_PORT
from infra.observability.deployed_grafana import Grafana
from infra.observability.status_page import PORT as STATUS_PORT
from infra.observability.status_page import StatusPage
from infra.secrets.generated import Login
from infra.tracking import NAME as TRACKING_SERVICE
from infra.tracking import PORT as TRACKING_PORT
from infra.tracking import Tracking
from infra.workloads.kinds import KINDS
from infra.workloads.runtime import Workloads


class ServerWithLogin(TypedDict):
    namespace: str
    service: str
    port: int
    username: str
    password: pulumi.Output[str]
    url: NotRequired[str]
    """From outside the cluster, where a host is declared."""


class ServerElsewhere(TypedDict):
    """A server outside the platform, with its own logins."""

    url: pulumi.Input[str]


class PrivateRegistry(TypedDict):
    """With the login that the platform generated; without one where people have logins of their own."""

    address: pulumi.Input[str]
    username: NotRequired[pulumi.Input[str]]
    password: NotRequired[pulumi.Output[str]]


class DatasetBucket(TypedDict):
    """With the key that the platform generated."""

    endpoint: str
    bucket: str
    access_key: str
    secret_key: pulumi.Output[str]


class Pool(TypedDict):
    """`gpu_check` is the CronJob that `make gpu-check` runs on each node; None: its GPUs are not checked."""

    simulated: bool
    gpu_check: str | None


class Roles(TypedDict):
    """Roles that CI workflows assume."""

    preview_role: pulumi.Input[str]
    deploy_role: pulumi.Input[str]


class WayIn(TypedDict):
    """`trusted` is the authority that callers have to trust, in PEM; None: they know the one that signed."""

    address: pulumi.Output[str] | None
    trusted: pulumi.Output[str] | None


class Outputs(TypedDict):
    """By declared name; passwords are secrets. The workloads of each kind are exported beside these."""

    namespace: str
    images: dict[str, pulumi.Output[str]]
    tracking: ServerWithLogin
    status: ServerWithLogin | None
    grafana: ServerWithLogin | ServerElsewhere | None
    registry: PrivateRegistry
    datasets: DatasetBucket | None
    pools: dict[str, Pool]
    pipeline: Roles | None
    gateway: WayIn | None


def outputs(
    foundation: Foundation,
    images: Mapping[str, BuiltImage],
    tracking: Tracking,
    administrator: Login,
    status_page: StatusPage | None,
    grafana: Grafana | Delivery | None,
    gpu_checks: Mapping[str, str],
    gateway: Gateway | None,
    urls: Mapping[str, str],
) -> Outputs:
    """Collects the outputs of all components; `urls` are those of the platform's own pages."""
    return Outputs(
        namespace=tracking.namespace,
        images={name: image.reference for name, image in images.items()},
        tracking=ServerWithLogin(
            namespace=tracking.namespace,
            service=TRACKING_SERVICE,
            port=TRACKING_PORT,
            username=administrator.username,
            password=administrator.password,
            **_url(urls, TRACKING_SERVICE),
        ),
        status=_status(status_page, urls) if status_page else None,
        grafana=_grafana(grafana, urls) if grafana else None,
        registry=_registry(foundation.registry),
        datasets=_datasets(foundation.bucket) if foundation.bucket else None,
        pools={
            name: Pool(simulated=placement.simulated, gpu_check=gpu_checks.get(name))
            for name, placement in foundation.pools.items()
        },
        pipeline=_roles(foundation.pipeline) if foundation.pipeline else None,
        gateway=WayIn(address=gateway.address, trusted=gateway.trusted) if gateway else None,
    )


def workload_outputs(created: Workloads) -> dict[str, dict[str, Mapping[str, Any]]]:
    """The workloads of each kind, by name."""
    return {kind.outputs: {name: each.output for name, each in created.get(kind.section, {}).items()} for kind in KINDS}


def export(contract: Mapping[str, Any]) -> None:
    """Exports them as the stack's outputs."""
    for name, value in contract.items():
        pulumi.export(name, value)


def _registry(registry: Registry) -> PrivateRegistry:
    if not registry.generated_login:
        return PrivateRegistry(address=registry.server)
    return PrivateRegistry(address=registry.server, username=registry.username, password=registry.password)


def _datasets(bucket: Bucket) -> DatasetBucket:
    return DatasetBucket(
        endpoint=bucket.endpoint, bucket=bucket.name, access_key=bucket.access_key, secret_key=bucket.secret_key
    )


def _roles(pipeline: Pipeline) -> Roles:
    return Roles(preview_role=pipeline.preview, deploy_role=pipeline.deploy)


class _Url(TypedDict, total=False):
    url: str


def _url(urls: Mapping[str, str], service: str) -> _Url:
    return _Url(url=urls[service]) if service in urls else _Url()


def _status(page: StatusPage, urls: Mapping[str, str]) -> ServerWithLogin:
    return ServerWithLogin(
        namespace=page.namespace,
        service=page.service,
        port=STATUS_PORT,
        username=ADMINISTRATOR,
        password=page.password,
        **_url(urls, page.service),
    )


def _grafana(grafana: Grafana | Delivery, urls: Mapping[str, str]) -> ServerWithLogin | ServerElsewhere:
    if isinstance(grafana, Delivery):
        return ServerElsewhere(url=grafana.url)
    return ServerWithLogin(
        namespace=grafana.namespace,
        service=grafana.service,
        port=GRAFANA_PORT,
        username=ADMINISTRATOR,
        password=grafana.password,
        **_url(urls, grafana.service),
    )

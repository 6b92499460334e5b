"""The way in from outside the cluster, what endpoints expose through it, and the rules for both."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from infra.declaration.entrances import ENTRANCE_RULES, AwsEntrance, ClusterEntrance, LocalEntrance
from infra.declaration.gateway_class import CLASS_RULES, ENVOY_NAMESPACE, GatewayClassName
from infra.declaration.host import Host
from infra.declaration.pages import PAGE_RULES, Pages, pages
from infra.declaration.problems import Problem
from infra.declaration.types import Name, Seconds, Settings, memory_bytes, written

if TYPE_CHECKING:
    from infra.declaration.model import Platform

_LONGEST_LABEL, _LONGEST_REQUEST = 63, 3600
_PATH = re.compile(r"^/([A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*)?$", re.ASCII)


def _path(value: str) -> str:
    if not _PATH.fullmatch(value) or {".", ".."} & {*value.split("/")}:
        raise ValueError(f"{value!r} is not a path; write one that begins with '/' and does not end with it")
    return value


def _time_of_a_request(seconds: int) -> int:
    if seconds > _LONGEST_REQUEST:
        raise ValueError(f"{seconds}s is too long: a proxy that ends waits for its requests; write at most 1h")
    return seconds


UrlPath = Annotated[str, AfterValidator(_path), WithJsonSchema({"type": "string", "pattern": _PATH.pattern})]


class Gateway(Settings):
    """The way in from outside the cluster: a Gateway of the Gateway API, by Envoy Gateway. Endpoints with `expose` are
    reached through it, by HTTPS.
    """

    gateway_class_name: GatewayClassName | None = Field(
        default=None,
        description="A GatewayClass that the cluster has already, of its own Envoy Gateway; none: the platform "
        "installs Envoy Gateway. Refused on the local foundation",
    )
    proxy_namespace: Name = Field(
        default=ENVOY_NAMESPACE, description="With `gatewayClassName`, the namespace of that Envoy Gateway's proxies"
    )
    replicas: int = Field(default=2, ge=1, le=20, description="Pods of the proxy; refused with `gatewayClassName`")
    hosts: Pages | None = Field(default=None, description="Hosts of MLflow, the status page and Grafana")
    local: LocalEntrance | None = Field(default=None, description="Ports on the local foundation")
    aws: AwsEntrance | None = Field(
        default=None, description="The load balancer on the aws foundation; required there without `gatewayClassName`"
    )
    cluster: ClusterEntrance | None = Field(
        default=None,
        description="The load balancer on the cluster foundation; required there without `gatewayClassName`",
    )

    @property
    def on_this_machine(self) -> LocalEntrance:
        return self.local or LocalEntrance()


class RateLimit(Settings):
    """Requests of one caller. Each pod of the gateway counts by itself."""

    requests: int = Field(ge=1, le=1_000_000, description="Requests; more are refused with 429")
    per: Literal["second", "minute", "hour"] = Field(default="second", description="In which time")


class Expose(Settings):
    """How an endpoint is reached from outside the cluster."""

    host: Host = Field(description="The host of its URL")
    path: UrlPath = Field(
        default="/",
        description="What the path of its URL begins with, before `/v2` or `/v1`; the endpoint does not see it",
    )
    callers: Annotated[tuple[Name, ...], Field(strict=False, max_length=50)] = Field(
        default=(),
        description="Who may call it: a generated secret of the team for each, which it sends as `X-API-Key` or as a "
        "bearer token. The endpoint gets its name as `X-Caller`. None: the endpoint itself asks for `apiKey`",
    )
    rate_limit: RateLimit | None = Field(
        default=None, description="How often each of the `callers` may call; none: no limit"
    )
    timeout: Annotated[Seconds, AfterValidator(_time_of_a_request)] = Field(
        default=written("1m"),
        description="How long a request may take in all, at most 1h; the longest stream takes as long",
    )


@dataclass(frozen=True)
class Exposed:
    """What all that is exposed asks of the gateway."""

    hosts: Sequence[str]
    teams: Sequence[str]
    longest: int
    """Seconds that the longest request may take."""
    largest: int
    """Bytes of the largest request."""


def exposed(platform: Platform) -> Exposed:
    """Of all endpoints, and the hosts of pages."""
    found = dict(_exposed(platform))
    endpoints = [platform.serving[name] for name in found]
    return Exposed(
        hosts=sorted({*(expose.host for expose in found.values()), *pages(platform).values()}),
        teams=sorted({endpoint.team for endpoint in endpoints}),
        longest=max((expose.timeout for expose in found.values()), default=0),
        largest=max((memory_bytes(endpoint.max_request_size) for endpoint in endpoints), default=0),
    )


def _exposed(platform: Platform) -> Iterator[tuple[str, Expose]]:
    """By the endpoint's name."""
    for name, endpoint in platform.serving.items():
        if endpoint.expose is not None:
            yield name, endpoint.expose


def exposed_endpoints_have_a_gateway(platform: Platform, root: Path) -> Iterator[Problem]:
    """Nothing else lets callers in."""
    for name, _ in _exposed(platform):
        if platform.gateway is None:
            path = f"serving.{name}.expose"
            yield Problem(path, "nothing lets callers in without 'gateway'; declare 'gateway', or remove 'expose'")


def hosts_are_of_one_team(platform: Platform, root: Path) -> Iterator[Problem]:
    """Otherwise callers could send the keys of one team to another, by a longer path."""
    owners: dict[str, str] = {}
    for name, expose in _exposed(platform):
        endpoint = platform.serving[name]
        owner = owners.setdefault(expose.host, endpoint.team)
        if owner != endpoint.team:
            message = f"endpoints of team '{owner}' have this host; write another one for team '{endpoint.team}'"
            yield Problem(f"serving.{name}.expose.host", message)


def exposed_urls_differ(platform: Platform, root: Path) -> Iterator[Problem]:
    """A request goes to one endpoint."""
    taken: dict[tuple[str, str], str] = {}
    for name, expose in _exposed(platform):
        path, url = f"serving.{name}.expose", (expose.host, expose.path)
        if url in taken:
            message = f"{expose.host}{expose.path} is that of {taken[url]}"
            yield Problem(f"{path}.path", f"{message}; write another path or host")
        taken.setdefault(url, path)


def exposed_endpoints_know_their_callers(platform: Platform, root: Path) -> Iterator[Problem]:
    """Either the endpoint or the gateway asks for a key."""
    for name, expose in _exposed(platform):
        endpoint = platform.serving[name]
        path = f"serving.{name}.expose"
        if endpoint.api_key and expose.callers:
            message = f"the endpoint itself would refuse them, since it asks for the key '{endpoint.api_key}'"
            yield Problem(f"{path}.callers", f"{message}; remove serving.{name}.apiKey, or 'callers'")
        elif not endpoint.api_key and not expose.callers:
            yield Problem(path, f"anybody could call it; write 'callers', or serving.{name}.apiKey")
        if expose.rate_limit and not expose.callers:
            yield Problem(f"{path}.rateLimit", "the gateway tells callers apart by 'callers'; write them, or remove it")


def callers_have_generated_secrets(platform: Platform, root: Path) -> Iterator[Problem]:
    """A key is a generated secret of the endpoint's team."""
    for name, expose in _exposed(platform):
        endpoint = platform.serving[name]
        for position, caller in enumerate(expose.callers):
            path = f"serving.{name}.expose.callers.{position}"
            secret = platform.secrets.get(caller)
            if secret is None:
                yield Problem(path, f"secret '{caller}' is not declared; declare it in 'secrets' with generate: true")
            elif secret.team != endpoint.team:
                message = f"secret '{caller}' belongs to team '{secret.team}'"
                yield Problem(path, f"{message}; write a secret of team '{endpoint.team}'")
            elif not secret.generate:
                message = f"'{caller}' is not generated, so it cannot be rotated without refusing its caller"
                yield Problem(path, f"{message}; write generate: true in secrets.{caller}")


def names_of_exposed_endpoints_fit(platform: Platform, root: Path) -> Iterator[Problem]:
    """Other objects of the team's namespace are named after an endpoint."""
    for name, expose in _exposed(platform):
        endpoint = platform.serving[name]
        keys = f"{name}-callers"
        if expose.callers and keys in platform.secrets and platform.secrets[keys].team == endpoint.team:
            message = f"the keys of the callers of '{name}' are stored under this name"
            yield Problem(f"secrets.{keys}", f"{message}; write another name")
        most = _LONGEST_LABEL - len("-canary-gateway" if endpoint.canary else "-gateway")
        if len(name) > most:
            yield Problem(f"serving.{name}", f"an exposed endpoint has a name of at most {most} characters here")


GATEWAY_RULES = (
    exposed_endpoints_have_a_gateway,
    hosts_are_of_one_team,
    exposed_urls_differ,
    exposed_endpoints_know_their_callers,
    callers_have_generated_secrets,
    names_of_exposed_endpoints_fit,
    *ENTRANCE_RULES,
    *CLASS_RULES,
    *PAGE_RULES,
)

"""Hosts of the platform's own pages, which the gateway leads to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from infra.catalogue.images import GRAFANA, STATUS, TRACKING
from infra.declaration.host import Host
from infra.declaration.problems import Problem
from infra.declaration.types import Settings

if TYPE_CHECKING:
    from infra.declaration.model import Platform


class Pages(Settings):
    """Each is at the root of its host, by HTTPS, and asks for its own login."""

    tracking: Host | None = Field(default=None, description="Of MLflow, its page and its API")
    status: Host | None = Field(default=None, description="Of the status page")
    grafana: Host | None = Field(default=None, description="Of the Grafana that the platform deploys")

    @property
    def by_name(self) -> Mapping[str, str]:
        """Declared hosts, by the Service that they lead to."""
        named = {TRACKING: self.tracking, STATUS: self.status, GRAFANA: self.grafana}
        return {name: host for name, host in named.items() if host is not None}


def pages(platform: Platform) -> Mapping[str, str]:
    """Hosts by the Service that they lead to."""
    declared = platform.gateway.hosts if platform.gateway else None
    return declared.by_name if declared else {}


def pages_exist(platform: Platform, root: Path) -> Iterator[Problem]:
    """A host leads to something."""
    found = pages(platform)
    if STATUS in found and platform.monitoring is None:
        yield Problem(
            "gateway.hosts.status", "there is no status page without 'monitoring'; declare it, or remove this"
        )
    if GRAFANA in found and not platform.deploys_grafana:
        message = "the platform deploys no Grafana; write monitoring.grafana: {deployed: {}}, or remove this"
        yield Problem("gateway.hosts.grafana", message)


def pages_have_hosts_of_their_own(platform: Platform, root: Path) -> Iterator[Problem]:
    """Otherwise a page could send requests with a person's login to what is beside it."""
    taken = {each.expose.host: f"serving.{name}.expose" for name, each in platform.serving.items() if each.expose}
    for name, host in pages(platform).items():
        path = f"gateway.hosts.{name}"
        if host in taken:
            yield Problem(path, f"{host} is that of {taken[host]}; write another host")
        taken.setdefault(host, path)


PAGE_RULES = (pages_exist, pages_have_hosts_of_their_own)

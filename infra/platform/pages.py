"""The platform's own pages that are reached from outside the cluster."""

from __future__ import annotations

from infra.catalogue.images import GRAFANA, STATUS, TRACKING
from infra.catalogue.names import selector
from infra.declaration.model import Platform
from infra.declaration.pages import pages
from infra.foundation import Foundation
from infra.gateway.pages import Page
from infra.networking.gateway import LISTENER_PORT, url
from infra.observability.deployed_grafana import PORT as GRAFANA_PORT
from infra.observability.status_page import PORT as STATUS_PORT
from infra.tenancy import Destination
from infra.tracking import PORT as TRACKING_PORT

_PORTS = {TRACKING: TRACKING_PORT, STATUS: STATUS_PORT, GRAFANA: GRAFANA_PORT}
"""Of each page's Service and pods, which have its name."""


def exposed_pages(declared: Platform, foundation: Foundation) -> list[Page]:
    """Those that have a host."""
    port = foundation.entrance.https_port if foundation.entrance else LISTENER_PORT
    return [
        Page(name, host, url(host, port), Destination(declared.namespace, selector(name, name), _PORTS[name]))
        for name, host in pages(declared).items()
    ]


def urls(found: list[Page]) -> dict[str, str]:
    """By the name of the page's Service."""
    return {page.name: page.url for page in found}

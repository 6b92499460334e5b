"""What the proxies of the gateway know about the requests for each endpoint."""

import re
import socket
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from urllib.parse import quote
from urllib.request import ProxyHandler, build_opener

from controllers.servers import Unanswered

SECONDS = 2
_COUNTED = ("upstream_cx_connect_fail", "upstream_rq_active", "upstream_rq_total")
_FILTER = quote(rf"^cluster\.httproute/.*\.({'|'.join(_COUNTED)})$")
_ROUTE = r"httproute/([^/\"]+)/([^/\"]+)/rule/0/backend/0"
"""Of an endpoint itself; a canary is the second."""
_LINE = re.compile(rf'^envoy_cluster_(\w+)\{{envoy_cluster_name="{_ROUTE}"\}} (\S+)$', re.ASCII)
Endpoint = tuple[str, str]
"""Namespace and name."""


@dataclass
class Requests:
    """Of one endpoint."""

    in_flight: float = 0
    begun: float = 0
    """How often one was sent, or could not be, since the proxy started: while there is no pod, it is tried again and
    again.
    """


def addresses(host: str) -> list[str]:
    """Of all proxies, by a headless Service."""
    try:
        found = socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)
    except OSError as error:
        raise Unanswered(f"{host}: {error}") from None
    return sorted({str(address[4][0]) for address in found})


def ask(address: str, port: int) -> Mapping[Endpoint, Requests]:
    """One proxy."""
    url = f"http://{address}:{port}/metrics?filter={_FILTER}"
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=SECONDS) as answer:
            return parsed(answer.read().decode().splitlines())
    except (OSError, HTTPException, ValueError) as error:
        raise Unanswered(f"GET {url}: {error}") from None


def parsed(lines: Iterable[str]) -> Mapping[Endpoint, Requests]:
    found: dict[Endpoint, Requests] = defaultdict(Requests)
    for match in filter(None, map(_LINE.match, lines)):
        metric, namespace, name, value = match.groups()
        requests = found[namespace, name]
        if metric == "upstream_rq_active":
            requests.in_flight += float(value)
        else:
            requests.begun += float(value)
    return found

"""What the proxies of the gateway know about the requests for each endpoint."""

import re
import socket
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Self
from urllib.parse import quote
from urllib.request import ProxyHandler, build_opener

from controllers.servers import Unanswered

SECONDS = 2
_COUNTED = ("cx_connect_fail", "rq_2xx", "rq_active", "rq_time", "rq_total")
_FILTER = quote(rf"^cluster\.httproute/.*\.upstream_({'|'.join(_COUNTED)})$")
_ROUTE = r"httproute/([^/\"]+)/([^/\"]+)/rule/0/backend/0"
"""Of an endpoint itself; a canary is the second."""
_LINE = re.compile(
    rf'^envoy_cluster_(\w+)\{{(?:envoy_response_code_class="2",)?envoy_cluster_name="{_ROUTE}"\}} (\S+)$', re.ASCII
)
Endpoint = tuple[str, str]
"""Namespace and name."""


@dataclass(frozen=True)
class Requests:
    """Of one endpoint."""

    in_flight: float = 0
    begun: float = 0
    """How often one was sent, or could not be, since the proxy started: while there is no pod, it is tried again and
    again.
    """
    ended: float = 0
    """Responses that were complete since the proxy started. A request that timed out has none."""
    seconds: float = 0
    """How long these took in all, from the request to the last byte of the response."""
    succeeded: float = 0
    """Responses with a status of 2xx since the proxy started: neither refused requests nor those that are retried."""

    def __add__(self, other: Self) -> Self:
        return type(self)(
            self.in_flight + other.in_flight,
            self.begun + other.begun,
            self.ended + other.ended,
            self.seconds + other.seconds,
            self.succeeded + other.succeeded,
        )

    def since(self, earlier: Self) -> Self:
        """What the same proxy has counted after `earlier`: nothing if it has started again meanwhile."""
        if self.begun < earlier.begun or self.ended < earlier.ended:
            return type(self)(self.in_flight)
        return type(self)(
            self.in_flight,
            self.begun - earlier.begun,
            self.ended - earlier.ended,
            self.seconds - earlier.seconds,
            self.succeeded - earlier.succeeded,
        )


_READ: Mapping[str, Callable[[float], Requests]] = {
    "upstream_rq_active": lambda value: Requests(in_flight=value),
    "upstream_rq_total": lambda value: Requests(begun=value),
    "upstream_cx_connect_fail": lambda value: Requests(begun=value),
    "upstream_rq_time_count": lambda value: Requests(ended=value),
    "upstream_rq_time_sum": lambda value: Requests(seconds=value / 1000),
    "upstream_rq_xx": lambda value: Requests(succeeded=value),
}


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
        if metric in _READ:
            found[namespace, name] += _READ[metric](float(value))
    return found

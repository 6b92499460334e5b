"""MLflow's server with logins, and what it is asked as metrics, told on a port of their own.

MLflow's own exporter counts only a part of its routes, knows them by no name, and answers behind the login. Here the
whole server is measured from outside. Nothing but metrics is to be had on their port.
"""

import re
import time

from mlflow.server.auth import create_app as create_server
from prometheus_client import Counter, Gauge, Histogram, start_http_server
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PORT = 5001
OTHER = "other"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_ROUTE = re.compile(
    r"/(?:ajax-)?api/\d\.\d/mlflow[/-]"
    r"(experiments|runs|metrics|artifacts|registered-models|model-versions|logged-models|traces)(?:/|$)"
    r"|/(?:model-versions/)?get-(artifact)$"
    r"|/(health|graphql|static-files)(?:/|$)"
)

REQUESTS = Counter("tracking_requests", "Requests answered.", ("method", "route", "code"))
SECONDS = Histogram("tracking_request_duration_seconds", "Time from a request to the end of its answer.", ("route",))
IN_FLIGHT = Gauge("tracking_requests_in_flight", "Requests that are not answered yet.")


def create_app() -> "Measured":
    """MLflow's plugin of this name, made once in the process that answers."""
    start_http_server(PORT)
    return Measured(create_server())


class Measured:
    """Counts what clients see, refusals and failures included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        begin, code = time.perf_counter(), 500

        async def remember(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
            await send(message)

        try:
            with IN_FLIGHT.track_inprogress():
                return await self._app(scope, receive, remember)
        finally:
            name = route(scope["path"])
            REQUESTS.labels(method(scope["method"]), name, str(code)).inc()
            SECONDS.labels(name).observe(time.perf_counter() - begin)


def route(path: str) -> str:
    """What a request is about: one of few names, because anyone can ask for any path."""
    match = _ROUTE.match(path)
    if match is None:
        return OTHER
    name = next(group for group in match.groups() if group)
    return "artifacts" if name == "artifact" else name


def method(name: str) -> str:
    """Clients may make one up."""
    return name if name in METHODS else OTHER

"""Prometheus metrics: those of requests have the names and labels of images/serving, on which SLOs and dashboards
depend; others are llama.cpp's own.

Requests are counted by the model that they ask for, the base model or an adapter. Everything else is about the base
model: a histogram for each adapter would be more series than Prometheus takes of a pod.
"""

import time
from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from llm.callers import HEADER, Callers, Usage
from llm.weights import Weights

disable_created_metrics()  # of every series one more, which nothing reads

LABELS = ("model", "version", "code")
FORESEEN = ("200", "500", "503")
"""Counted from the start: an increase from nothing to one is none."""
DISCONNECTED = 499
"""The code, as nginx has it, of a client that disconnects before its response begins: no failure of the server."""
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)


class Metrics:
    def __init__(self, model: str, callers_file: str | None = None) -> None:
        self._model = model
        self._versions: Mapping[str, str] = {model: ""}
        """By name."""
        self.registry = CollectorRegistry()
        self._callers = Callers(callers_file, model, self.registry) if callers_file else None
        self._requests = Counter("inference_requests", "Completions requested.", LABELS, registry=self.registry)
        self._seconds = Histogram(
            "inference_request_duration_seconds",
            "Time from a request to the end of its response, streams included.",
            LABELS,
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._info = Gauge(
            "inference_model_info",
            "1 for the model version that is served.",
            ("model", "version", "uri", "run_id"),
            registry=self.registry,
        )
        self._loaded = Gauge(
            "inference_model_loaded", "1 once the model is loaded.", ("model",), registry=self.registry
        )
        self._loaded.labels(model).set(0)
        self._created = Gauge(
            "inference_model_created_timestamp_seconds",
            "When the served version was registered.",
            ("model", "version"),
            registry=self.registry,
        )

    def serves(self, served: Mapping[str, Weights]) -> None:
        weights = served[self._model]
        self._versions = {name: each.version for name, each in served.items()}
        self._loaded.labels(self._model).set(1)
        self._info.labels(self._model, weights.version, weights.uri, weights.run_id).set(1)
        self._created.labels(self._model, weights.version).set(weights.created)
        for code in FORESEEN:
            for name, version in self._versions.items():
                self._requests.labels(name, version, code)
            self._seconds.labels(self._model, weights.version, code)

    def observe(self, model: str | None, code: int, seconds: float, caller: str | None, usage: Usage) -> None:
        """`model` is the name that was asked for; None: it was refused before."""
        asked = model or self._model
        self._requests.labels(asked, self._versions[asked], str(code)).inc()
        self._seconds.labels(self._model, self._versions[self._model], str(code)).observe(seconds)
        if self._callers:
            self._callers.observe(caller, asked, code, usage)

    def page(self) -> bytes:
        if self._callers:
            self._callers.refresh()
        return generate_latest(self.registry)


class Measured:
    """Counts what clients of completions see, refusals and failures included."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].endswith("/completions"):
            return await self._app(scope, receive, send)
        begin, code, usage = time.perf_counter(), DISCONNECTED, Usage()

        async def remember(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
            else:
                usage.read(message.get("body", b""))
            await send(message)

        try:
            return await self._app(scope, receive, remember)
        except Exception:  # whatever it is: it is counted, and goes on to the server
            code = 500
            raise
        finally:
            model, caller = scope.get("state", {}).get("model"), Headers(scope=scope).get(HEADER)
            self._metrics.observe(model, code, time.perf_counter() - begin, caller, usage)

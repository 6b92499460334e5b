"""Prometheus metrics of inference requests."""

import time
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.callers import HEADER, Callers
from serving.model import Identity
from serving.shadow import DIFFERENT, SAME, WHOLE

disable_created_metrics()  # of every series one more, which nothing reads

LABELS = ("model", "version", "code")
# Counted from the start: where a series begins with its first failure, nobody sees that one was added.
FORESEEN = ("200", "500", "503")
# Small models answer in well under a millisecond of their own; large ones in seconds.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    def __init__(self, model: str, callers_file: str | None = None, shadow: bool = False) -> None:
        """`shadow`: of a server that compares its answers."""
        self.registry = CollectorRegistry()
        self._callers = Callers(callers_file, model, self.registry) if callers_file else None
        self._requests = Counter("inference_requests", "Inference requests answered.", LABELS, registry=self.registry)
        self._seconds = Histogram(
            "inference_request_duration_seconds",
            "Time from an inference request to its answer.",
            LABELS,
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._batches = Histogram(
            "inference_batch_size",
            "Requests that one run of the model answers.",
            ("model", "version"),
            buckets=BATCH_BUCKETS,
            registry=self.registry,
        )
        self._info = Gauge(
            "inference_model_info",
            "1 for the model version that is served.",
            ("model", "version", "uri", "run_id"),
            registry=self.registry,
        )
        self._loaded = Gauge(
            "inference_model_loaded",
            "1 if a version of the model is served, 0 while there is none.",
            ("model",),
            registry=self.registry,
        )
        self._loaded.labels(model).set(0)
        self._failed = Counter(
            "inference_model_load_failures",
            "Failed attempts to load another version than the served one.",
            registry=self.registry,
        )
        self._compared = Counter(
            "inference_shadow_answers",
            "Answers to mirrored requests, by whether the endpoint gave the same one.",
            ("model", "version", "output", "result"),
            registry=self.registry if shadow else None,
        )
        self._shadow = shadow
        self._created = Gauge(
            "inference_model_created_timestamp_seconds",
            "When the served version was registered.",
            ("model", "version"),
            registry=self.registry,
        )

    def serves(self, identity: Identity, outputs: Sequence[str] = ()) -> None:
        """One version at a time; requests to earlier ones stay counted."""
        self._loaded.labels(identity.name).set(1)
        self._info.clear()
        self._created.clear()
        self._created.labels(identity.name, identity.version).set(identity.created)
        self._info.labels(identity.name, identity.version, identity.uri, identity.run_id).set(1)
        for code in FORESEEN:
            self._requests.labels(identity.name, identity.version, code)
            self._seconds.labels(identity.name, identity.version, code)
        self._batches.labels(identity.name, identity.version)
        if self._shadow:
            for output, result in [(output, result) for output in (*outputs, WHOLE) for result in (SAME, DIFFERENT)]:
                self._compared.labels(identity.name, identity.version, output, result)

    def ran(self, identity: Identity, requests: int) -> None:
        self._batches.labels(identity.name, identity.version).observe(requests)

    def compared(self, model: str, version: str, output: str, result: str, answers: int) -> None:
        self._compared.labels(model, version, output, result).inc(answers)

    def failed_to_load(self) -> None:
        self._failed.inc()

    def observe(self, model: str, version: str, code: int, seconds: float, caller: str | None) -> None:
        self._requests.labels(model, version, str(code)).inc()
        self._seconds.labels(model, version, str(code)).observe(seconds)
        if self._callers:
            self._callers.observe(caller, code)

    def page(self) -> Response:
        if self._callers:
            self._callers.refresh()
        return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)


class Measured:
    """Counts what the client sees, refusals and failures included.

    The labels are the served model's, never the request's path: anyone can ask for any name, and each would
    become a time series.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, model: str) -> None:
        self._app = app
        self._metrics = metrics
        self._model = model

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not is_inference(scope["path"], self._model):
            return await self._app(scope, receive, send)
        begin, code = time.perf_counter(), 500

        async def remember(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
            await send(message)

        try:
            return await self._app(scope, receive, remember)
        finally:
            model = scope["app"].state.service.model
            version = model.identity.version if model else ""
            caller = Headers(scope=scope).get(HEADER)
            self._metrics.observe(self._model, version, code, time.perf_counter() - begin, caller)


def is_inference(path: str, model: str) -> bool:
    return path.startswith(f"/v2/models/{model}/") and path.endswith("/infer")

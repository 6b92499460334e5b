"""The OpenAI API: models and completions. Keys, limits and model names are checked here, the rest is llama.cpp's."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from llm import adapters, errors
from llm.adapters import Renamed
from llm.api_key import admits
from llm.errors import ApiError
from llm.forward import client, forward, while_connected
from llm.metrics import Measured, Metrics
from llm.turns import Turns
from llm.weights import Weights

BODY_SECONDS = 20.0
"""For a whole body; a limit between two reads would admit one byte at a time."""
_SEVERAL = ("n", "best_of", "n_cmpl")
"""Fields by which a request asks for several responses."""


@dataclass
class Service:
    """What is served, and its limits."""

    model: str
    """The base model's name."""
    metrics: Metrics
    api_keys: Sequence[str] = ()
    """Any of them is accepted; none: no key is required."""
    request_bytes: int = 4 * 2**20
    requests: int = 32
    adapters: Sequence[str] = ()
    """Their names."""
    draining: bool = False
    problem: str | None = None
    """Why it has ended."""
    served: Mapping[str, Weights] = field(default_factory=dict)
    """By name: the model, and its adapters."""
    engine: httpx.AsyncClient | None = None
    """None: the model is not loaded yet."""
    turns: Turns = field(default_factory=Turns, init=False)
    _processed: int = field(default=0, init=False)

    @property
    def ready(self) -> bool:
        return self.engine is not None and not self.draining

    @property
    def names(self) -> Sequence[str]:
        """That requests may write as `model`."""
        return (self.model, *self.adapters)

    def serve(self, served: Mapping[str, Weights], url: str) -> None:
        self.metrics.serves(served)
        self.served, self.engine = served, client(url)

    @contextmanager
    def admission(self) -> Iterator[None]:
        """Bounds the memory for bodies, too: llama.cpp would queue any number of requests."""
        if self._processed >= self.requests:
            raise errors.too_many(self.requests)
        self._processed += 1
        try:
            yield
        finally:
            self._processed -= 1


def require_key(service: Service, request: Request) -> None:
    if not admits(service.api_keys, request.headers.get("authorization")):
        raise errors.unauthorized()


async def read_body(request: Request, limit: int) -> bytes:
    """A body that announces its size is refused before it is read, any other one as soon as it is too large."""
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced) > limit:
        raise errors.too_large(limit)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise errors.too_large(limit)
    except TimeoutError:
        raise errors.slow_body(BODY_SECONDS) from None
    return bytes(body)


def asked_model(body: bytes, served: Sequence[str]) -> str:
    """One of the names. llama.cpp ignores it, and takes any number of prompts and choices in one request."""
    try:
        sent = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise errors.bad_request(f"the body is not JSON: {error}") from None
    asked = sent.get("model") if isinstance(sent, dict) else None
    if not isinstance(asked, str):
        raise errors.bad_request(f"write the model's name in `model`; this server has {errors.listed(served)}")
    if asked not in served:
        raise errors.unknown_model(asked, served)
    if isinstance(sent.get("prompt"), list) and len(sent["prompt"]) > 1 and not _is_tokens(sent["prompt"]):
        raise errors.bad_request("write one prompt: each takes as much of the server as a request")
    if any(sent.get(name, 1) not in (None, 1) for name in _SEVERAL):
        raise errors.bad_request(
            f"write 1 for {' and '.join(_SEVERAL)}, or leave them out: this server makes one choice"
        )
    if adapters.FIELD in sent:
        raise errors.bad_request(f"leave out `{adapters.FIELD}`; write the name of an adapter in `model`")
    return asked


def _is_tokens(prompt: list[object]) -> bool:
    return all(isinstance(each, int) for each in prompt)


class Completions:
    """An ASGI application: its responses are streams."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        service: Service = request.app.state.service
        require_key(service, request)
        if service.engine is None:
            raise errors.not_loaded()
        with service.admission():
            body = await read_body(request, service.request_bytes)
            asked = request.state.model = asked_model(body, service.names)
            await while_connected(receive, self._answer(service, service.engine, request.url.path, asked, body, send))

    async def _answer(
        self, service: Service, engine: httpx.AsyncClient, path: str, asked: str, body: bytes, send: Send
    ) -> None:
        body = adapters.with_adapter(body, asked, service.adapters)
        async with service.turns.turn(asked):
            await forward(engine, path, body, Renamed(service.model, asked), send)


def create_app(service: Service) -> Starlette:
    def model(name: str) -> dict[str, object]:
        created = int(service.served[name].created)
        found = {"id": name, "object": "model", "created": created, "owned_by": "ml-platform"}
        return found if name == service.model else {**found, "parent": service.model}

    async def models(request: Request) -> Response:
        require_key(service, request)
        return JSONResponse({"object": "list", "data": [model(name) for name in service.served]})

    async def one_model(request: Request) -> Response:
        require_key(service, request)
        asked = request.path_params["name"]
        if asked not in service.names:
            raise errors.unknown_model(asked, service.names)
        if service.engine is None:
            raise errors.not_loaded()
        return JSONResponse(model(asked))

    async def live(_: Request) -> Response:
        return JSONResponse({"live": True})

    async def ready(_: Request) -> Response:
        return JSONResponse({"ready": service.ready}, 200 if service.ready else 503)

    async def metrics(_: Request) -> Response:
        return Response(service.metrics.page() + await _engine_metrics(service), media_type=CONTENT_TYPE_LATEST)

    app = Starlette(
        routes=[
            Route("/v1/models", models),
            Route("/v1/models/{name:path}", one_model),
            Route("/v1/chat/completions", Completions(), methods=["POST"]),
            Route("/v1/completions", Completions(), methods=["POST"]),
            Route("/v2/health/live", live),
            Route("/v2/health/ready", ready),
            Route("/metrics", metrics),
        ],
        middleware=[Middleware(Measured, metrics=service.metrics)],
        exception_handlers={
            ApiError: _refused,
            ClientDisconnect: _answer(lambda _: errors.bad_request("the client has closed the connection")),
            HTTPException: _unknown,
            Exception: _answer(lambda _: errors.failed()),
        },
    )
    app.state.service = service
    return app


async def _engine_metrics(service: Service) -> bytes:
    """llama.cpp's own: tokens, and requests that are processed."""
    if service.engine is None:
        return b""
    try:
        return (await service.engine.get("/metrics", timeout=2)).raise_for_status().content
    except httpx.HTTPError:
        return b""


def _answer(error: Callable[[Request], ApiError]) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answered(request: Request, _: Exception) -> Response:
        return error(request).response

    return answered


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return error.response


async def _unknown(request: Request, error: Exception) -> Response:
    """Of the router: no such path, or no such method."""
    assert isinstance(error, HTTPException)
    refused = errors.unknown_path(f"{request.method} {request.url.path}")
    refused.body["error"]["code"] = "not_found" if error.status_code == 404 else "method_not_allowed"
    return JSONResponse(refused.body, error.status_code, error.headers)

"""The protocol's HTTP endpoints."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

from msgspec.json import Decoder, encode
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from serving.api_key import admits
from serving.limits import Admission, Limits, read_body
from serving.metrics import Measured, Metrics
from serving.model import Model
from serving.protocol import InferenceRequest, ServerMetadata
from serving.tensors import InvalidRequest, parse

JSON = "application/json"
VERSION_PATH = "/v2/models/{name}/versions/{version}"
RETRY_AFTER = "10"
"""Seconds, while there is no model."""
_REQUEST = Decoder(InferenceRequest)


@dataclass
class Service:
    """What the endpoints answer from. While a model loads, or while draining: not ready, though still answering.

    A server that waits for the first version of its model is ready: nothing is wrong with it. Its model is not ready.
    """

    name: str
    metrics: Metrics
    model: Model | None = None
    draining: bool = False
    waiting: str | None = None
    """Why there is no model yet."""
    problem: str | None = None
    """Why there will be no model."""
    api_keys: Sequence[str] = ()
    """Any of them lets a caller in to the model; none: everybody."""
    admission: Admission = field(default_factory=lambda: Admission(Limits()))

    @property
    def ready(self) -> bool:
        return (self.model is not None or self.waiting is not None) and not self.draining

    def serve(self, model: Model) -> None:
        self.metrics.serves(model.identity)
        self.model, self.waiting = model, None


def current_service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def require_key(request: Request) -> None:
    """Before anything is said about the model; health and metrics are for the cluster and need no key."""
    if not admits(current_service(request).api_keys, request.headers.get("authorization")):
        reason = "no valid API key; send it as 'Authorization: Bearer <key>'"
        raise HTTPException(HTTPStatus.UNAUTHORIZED, reason, {"WWW-Authenticate": "Bearer"})


def requested_model(request: Request) -> Model:
    service, name, version = current_service(request), request.path_params["name"], request.path_params.get("version")
    if name != service.name:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"unknown model '{name}'; this server has {service.name}")
    if service.model is None:
        reason = service.waiting or f"model '{name}' is not loaded yet"
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, reason, {"Retry-After": RETRY_AFTER})
    served = service.model.identity.version
    if version not in (None, served):
        raise HTTPException(HTTPStatus.NOT_FOUND, f"unknown version '{version}'; this server has {served}")
    return service.model


async def server(_: Request) -> Response:
    return message(ServerMetadata(name="ml-platform-serving", version="2", extensions=[]))


async def live(_: Request) -> Response:
    return message({"live": True})


async def ready(request: Request) -> Response:
    service = current_service(request)
    return message({"ready": service.ready}, HTTPStatus.OK if service.ready else HTTPStatus.SERVICE_UNAVAILABLE)


async def metrics(request: Request) -> Response:
    return current_service(request).metrics.page()


async def metadata(request: Request) -> Response:
    require_key(request)
    return message(requested_model(request).metadata())


async def model_ready(request: Request) -> Response:
    require_key(request)
    return message({"name": requested_model(request).identity.name, "ready": True})


class Inference:
    """An ASGI application, since a request takes memory and capacity until its response is sent."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        require_key(request)
        model, admission = requested_model(request), current_service(request).admission
        with admission.buffer() as buffer:
            # Read last, after everything that headers and path decide.
            body = await read_body(request, admission.limits, buffer)
            with admission.answering():
                async with admission.decoding(len(body)):
                    # In a thread, so that health checks are answered meanwhile.
                    answer = await run_in_threadpool(answer_request, model, body)
                buffer.resize(len(answer))
                await Response(answer, media_type=JSON)(scope, receive, send)


def answer_request(model: Model, body: bytes) -> bytes:
    """From JSON to JSON; a result that is not a finite number becomes null."""
    request: InferenceRequest = parse(_REQUEST, body)
    answer: bytes = encode(model.infer(request))
    return answer


def create_app(service: Service) -> Starlette:
    app = Starlette(
        routes=[*server_routes(), *model_routes("/v2/models/{name}"), *model_routes(VERSION_PATH)],
        middleware=[Middleware(Measured, metrics=service.metrics, model=service.name)],
        exception_handlers={
            InvalidRequest: invalid,
            ClientDisconnect: disconnected,
            HTTPException: refused,
            Exception: broken,
        },
    )
    app.state.service = service
    return app


def server_routes() -> list[Route]:
    return [
        Route("/v2", server),
        Route("/v2/health/live", live),
        Route("/v2/health/ready", ready),
        Route("/metrics", metrics),
    ]


def model_routes(path: str) -> list[Route]:
    return [
        Route(path, metadata),
        Route(f"{path}/ready", model_ready),
        Route(f"{path}/infer", Inference(), methods=["POST"]),
    ]


# Every refusal is `{"error": reason}`, as the protocol has it.


async def invalid(_: Request, error: Exception) -> Response:
    return failure(HTTPStatus.BAD_REQUEST, str(error))


async def disconnected(_: Request, __: Exception) -> Response:
    return failure(HTTPStatus.BAD_REQUEST, "the client has closed the connection")


async def refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return failure(HTTPStatus(error.status_code), str(error.detail), error.headers)


async def broken(_: Request, __: Exception) -> Response:
    return failure(HTTPStatus.INTERNAL_SERVER_ERROR, "internal error; the server's log has the reason")


def failure(status: HTTPStatus, reason: str, headers: Mapping[str, str] | None = None) -> Response:
    return message({"error": reason}, status, headers)


def message(content: object, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Response:
    """One of the protocol's, in JSON."""
    return Response(encode(content), status, headers, media_type=JSON)

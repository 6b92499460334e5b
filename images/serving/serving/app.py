"""The protocol's HTTP endpoints."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from msgspec.json import Decoder, encode
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from serving.api_key import admits
from serving.limits import Admission, Buffer, Limits, read_body
from serving.metrics import Measured, Metrics
from serving.model import Model
from serving.protocol import InferenceRequest, ModelMetadata, ServerMetadata
from serving.tensors import InvalidRequest, parse

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


Current = Annotated[Service, Depends(current_service)]


def require_key(request: Request, service: Current) -> None:
    """Before anything is said about the model; health and metrics are for the cluster and need no key."""
    if not admits(service.api_keys, request.headers.get("authorization")):
        reason = "no valid API key; send it as 'Authorization: Bearer <key>'"
        raise HTTPException(HTTPStatus.UNAUTHORIZED, reason, {"WWW-Authenticate": "Bearer"})


def requested_model(service: Current, name: str, version: str | None = None) -> Model:
    if name != service.name:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"unknown model '{name}'; this server has {service.name}")
    if service.model is None:
        reason = service.waiting or f"model '{name}' is not loaded yet"
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, reason, {"Retry-After": RETRY_AFTER})
    served = service.model.identity.version
    if version not in (None, served):
        raise HTTPException(HTTPStatus.NOT_FOUND, f"unknown version '{version}'; this server has {served}")
    return service.model


Requested = Annotated[Model, Depends(requested_model)]


async def request_buffer(service: Current) -> AsyncIterator[Buffer]:
    """FastAPI ends it once the response is sent."""
    with service.admission.buffer() as buffer:
        yield buffer


async def request_body(
    request: Request, service: Current, _: Requested, buffer: Annotated[Buffer, Depends(request_buffer)]
) -> AsyncIterator[bytes]:
    """Read last, after everything that headers and path decide, and admitted until the response is sent."""
    body = await read_body(request, service.admission.limits, buffer)
    with service.admission.answering():
        yield body


def create_app(service: Service) -> FastAPI:
    app = FastAPI(
        title="Open Inference Protocol",
        docs_url=None,
        redoc_url=None,
        middleware=[Middleware(Measured, metrics=service.metrics, model=service.name)],
    )
    app.state.service = service
    add_error_handlers(app)
    add_server_endpoints(app)
    for path in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
        add_model_endpoints(app, path)
    return app


def add_server_endpoints(app: FastAPI) -> None:
    @app.get("/v2")
    async def server() -> ServerMetadata:
        return ServerMetadata(name="ml-platform-serving", version="2", extensions=[])

    @app.get("/v2/health/live")
    async def live() -> dict[str, bool]:
        return {"live": True}

    @app.get("/v2/health/ready")
    async def ready(service: Current) -> JSONResponse:
        return JSONResponse(
            {"ready": service.ready}, HTTPStatus.OK if service.ready else HTTPStatus.SERVICE_UNAVAILABLE
        )

    @app.get("/metrics", include_in_schema=False)
    async def metrics(service: Current) -> Response:
        return service.metrics.page()


def add_model_endpoints(app: FastAPI, path: str) -> None:
    keyed = [Depends(require_key)]

    @app.get(path, dependencies=keyed)
    async def metadata(model: Requested) -> ModelMetadata:
        return model.metadata()

    @app.get(f"{path}/ready", dependencies=keyed)
    async def model_ready(model: Requested) -> dict[str, str | bool]:
        return {"name": model.identity.name, "ready": True}

    @app.post(f"{path}/infer", dependencies=keyed)
    async def infer(
        service: Current,
        model: Requested,
        body: Annotated[bytes, Depends(request_body)],
        buffer: Annotated[Buffer, Depends(request_buffer)],
    ) -> Response:
        async with service.admission.decoding(len(body)):
            # In a thread, so that health checks are answered meanwhile.
            answer = await run_in_threadpool(answer_request, model, body)
        buffer.resize(len(answer))
        return Response(answer, media_type="application/json")


def answer_request(model: Model, body: bytes) -> bytes:
    """From JSON to JSON; a result that is not a finite number becomes null."""
    request: InferenceRequest = parse(_REQUEST, body)
    answer: bytes = encode(model.infer(request))
    return answer


def add_error_handlers(app: FastAPI) -> None:
    """Every refusal is `{"error": reason}`, as the protocol has it."""

    @app.exception_handler(InvalidRequest)
    async def invalid(_: Request, error: InvalidRequest) -> JSONResponse:
        return failure(HTTPStatus.BAD_REQUEST, str(error))

    @app.exception_handler(ClientDisconnect)
    async def disconnected(_: Request, __: ClientDisconnect) -> JSONResponse:
        return failure(HTTPStatus.BAD_REQUEST, "the client has closed the connection")

    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> JSONResponse:
        return failure(HTTPStatus(error.status_code), str(error.detail), error.headers)

    @app.exception_handler(Exception)
    async def broken(_: Request, __: Exception) -> JSONResponse:
        return failure(HTTPStatus.INTERNAL_SERVER_ERROR, "internal error; the server's log has the reason")


def failure(status: HTTPStatus, reason: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": reason}, status, headers)

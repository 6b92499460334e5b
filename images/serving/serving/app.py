"""The protocol's HTTP endpoints."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import Response

from serving.api_key import admits
from serving.metrics import Measured, Metrics
from serving.model import Model
from serving.protocol import InferenceRequest, InferenceResponse, ModelMetadata, ServerMetadata
from serving.tensors import InvalidRequest

RETRY_AFTER = "10"
"""Seconds."""


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
    def server() -> ServerMetadata:
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
    def metrics(service: Current) -> Response:
        return service.metrics.page()


def add_model_endpoints(app: FastAPI, path: str) -> None:
    keyed = [Depends(require_key)]

    @app.get(path, dependencies=keyed)
    async def metadata(model: Requested) -> ModelMetadata:
        return model.metadata()

    @app.get(f"{path}/ready", dependencies=keyed)
    async def model_ready(model: Requested) -> dict[str, str | bool]:
        return {"name": model.identity.name, "ready": True}

    # Not a coroutine: inference runs in a thread, so that health checks are answered meanwhile.
    @app.post(f"{path}/infer", response_model_exclude_none=True, dependencies=keyed)
    def infer(request: InferenceRequest, model: Requested) -> InferenceResponse:
        return model.infer(request)


def add_error_handlers(app: FastAPI) -> None:
    """Every refusal is `{"error": reason}`, as the protocol has it."""

    @app.exception_handler(InvalidRequest)
    async def invalid(_: Request, error: InvalidRequest) -> JSONResponse:
        return failure(HTTPStatus.BAD_REQUEST, str(error))

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part != "body")
        detail = first.get("ctx", {}).get("error", "") if first["type"] == "json_invalid" else ""
        return failure(HTTPStatus.BAD_REQUEST, ": ".join(part for part in (where, first["msg"], str(detail)) if part))

    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> JSONResponse:
        return failure(HTTPStatus(error.status_code), str(error.detail), error.headers)

    @app.exception_handler(Exception)
    async def broken(_: Request, __: Exception) -> JSONResponse:
        return failure(HTTPStatus.INTERNAL_SERVER_ERROR, "internal error; the server's log has the reason")


def failure(status: HTTPStatus, reason: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": reason}, status, headers)

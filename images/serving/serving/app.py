"""The protocol's HTTP endpoints."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus

from msgspec.json import encode
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from serving.answers import Answers
from serving.api_key import admits
from serving.body import JSON_SIZE, Body
from serving.cpus import available_cpus
from serving.inference import infer
from serving.limits import Admission, Limits, read_body
from serving.metrics import Measured, Metrics
from serving.model import Model
from serving.protocol import InvalidRequest, ServerMetadata, parse
from serving.recorder import Recorder, recorded_outputs
from serving.runner import BatchLimits, Runner
from serving.shadow import PATH, QUESTION, QUESTION_LIMITS

JSON = "application/json"
BINARY = "application/octet-stream"
VERSION_PATH = "/v2/models/{name}/versions/{version}"
RETRY_AFTER = "10"
"""Seconds, while there is no model."""


@dataclass
class Service:
    """What the endpoints answer from. While a model loads, or while draining: not ready, though still answering.

    A server that waits for the first version of its model is ready: nothing is wrong with it. Its model is not ready.
    """

    name: str
    metrics: Metrics
    runner: Runner | None = None
    """Of the model that is served."""
    draining: bool = False
    waiting: str | None = None
    """Why there is no model yet."""
    problem: str | None = None
    """Why there will be no model."""
    api_keys: Sequence[str] = ()
    """Any of them lets a caller in to the model; none: everybody."""
    admission: Admission = field(default_factory=lambda: Admission(Limits()))
    answers: Answers = field(default_factory=Answers)
    """Those that a canary compares."""

    @property
    def model(self) -> Model | None:
        return self.runner.model if self.runner else None

    @property
    def ready(self) -> bool:
        return (self.model is not None or self.waiting is not None) and not self.draining

    def serve(self, model: Model) -> None:
        self.metrics.serves(model.identity, model.outputs)
        limits = BatchLimits(self.admission.limits.batch_rows, self.admission.limits.request_bytes, available_cpus())
        self.runner = Runner(model, limits, partial(self.metrics.ran, model.identity))
        self.waiting = None

    def compared(self, output: str, result: str, answers: int) -> None:
        """With those of the endpoint, of which this server is a shadow."""
        version = self.model.identity.version if self.model else ""
        self.metrics.compared(self.name, version, output, result, answers)


def current_service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def require_key(request: Request) -> None:
    """Before anything is said about the model; health and metrics are for the cluster and need no key."""
    if not admits(current_service(request).api_keys, request.headers.get("authorization")):
        reason = "no valid API key; send it as 'Authorization: Bearer <key>'"
        raise HTTPException(HTTPStatus.UNAUTHORIZED, reason, {"WWW-Authenticate": "Bearer"})


def requested_model(request: Request) -> Runner:
    service, name, version = current_service(request), request.path_params["name"], request.path_params.get("version")
    if name != service.name:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"unknown model '{name}'; this server has {service.name}")
    runner = service.runner
    if runner is None:
        reason = service.waiting or f"model '{name}' is not loaded yet"
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, reason, {"Retry-After": RETRY_AFTER})
    served = runner.model.identity.version
    if version not in (None, served):
        raise HTTPException(HTTPStatus.NOT_FOUND, f"unknown version '{version}'; this server has {served}")
    return runner


async def server(_: Request) -> Response:
    return message(ServerMetadata(name="ml-platform-serving", version="2", extensions=["binary_tensor_data"]))


async def live(_: Request) -> Response:
    return message({"live": True})


async def ready(request: Request) -> Response:
    service = current_service(request)
    return message({"ready": service.ready}, HTTPStatus.OK if service.ready else HTTPStatus.SERVICE_UNAVAILABLE)


async def metrics(request: Request) -> Response:
    return current_service(request).metrics.page()


async def answers(request: Request) -> Response:
    """For a canary, which knows the IDs of requests."""
    service = current_service(request)
    with service.admission.buffer() as buffer:
        asked: list[str] = parse(QUESTION, await read_body(request, QUESTION_LIMITS, buffer))
    return message(service.answers.asked(asked))


async def metadata(request: Request) -> Response:
    require_key(request)
    return message(requested_model(request).model.metadata())


async def model_ready(request: Request) -> Response:
    require_key(request)
    return message({"name": requested_model(request).model.identity.name, "ready": True})


class Inference:
    """An ASGI application, since a request takes memory and capacity until its response is sent."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        require_key(request)
        runner, admission = requested_model(request), current_service(request).admission
        with admission.buffer() as buffer:
            # Read last, after everything that headers and path decide.
            body = await read_body(request, admission.limits, buffer)
            with admission.answering():
                answer = await infer(runner, admission, body, request.headers.get(JSON_SIZE), recorded_outputs(request))
                buffer.resize(len(answer.content))
                await inferred(answer)(scope, receive, send)


def inferred(answer: Body) -> Response:
    if answer.json_size is None:
        return Response(answer.content, media_type=JSON)
    return Response(answer.content, headers={JSON_SIZE: str(answer.json_size)}, media_type=BINARY)


def create_app(service: Service) -> Starlette:
    app = Starlette(
        # They are tried in this order.
        routes=[*model_routes("/v2/models/{name}"), *model_routes(VERSION_PATH), *server_routes()],
        middleware=[
            Middleware(Measured, metrics=service.metrics, model=service.name),
            Middleware(Recorder, answers=service.answers, model=service.name),
        ],
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
        Route(PATH, answers, methods=["POST"]),
    ]


def model_routes(path: str) -> list[Route]:
    return [
        Route(f"{path}/infer", Inference(), methods=["POST"]),
        Route(f"{path}/ready", model_ready),
        Route(path, metadata),
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

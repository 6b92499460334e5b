"""Errors in the OpenAI API's form."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from starlette.responses import JSONResponse, Response

INVALID, RATE_LIMIT, SERVER = "invalid_request_error", "rate_limit_error", "server_error"


class ApiError(Exception):
    """A request that is refused: the status and body of its response."""

    def __init__(
        self, status: HTTPStatus, message: str, type_: str, code: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.headers = status, headers
        self.body = {"error": {"message": message, "type": type_, "param": None, "code": code}}

    @property
    def response(self) -> Response:
        return JSONResponse(self.body, self.status, self.headers)


def unauthorized() -> ApiError:
    message = "no valid API key; send it as 'Authorization: Bearer <key>'"
    return ApiError(HTTPStatus.UNAUTHORIZED, message, INVALID, "invalid_api_key", {"WWW-Authenticate": "Bearer"})


def unknown_model(asked: str, served: Sequence[str]) -> ApiError:
    message = f"The model `{asked}` does not exist; this server has {listed(served)}"
    return ApiError(HTTPStatus.NOT_FOUND, message, INVALID, "model_not_found")


def listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def unknown_path(path: str) -> ApiError:
    return ApiError(HTTPStatus.NOT_FOUND, f"there is no {path}", INVALID, "not_found")


def bad_request(message: str) -> ApiError:
    return ApiError(HTTPStatus.BAD_REQUEST, message, INVALID, "invalid_request")


def slow_body(seconds: float) -> ApiError:
    message = f"the body has not arrived within {seconds:.0f} s"
    return ApiError(HTTPStatus.REQUEST_TIMEOUT, message, INVALID, "request_timeout")


def too_large(limit: int) -> ApiError:
    message = f"the body is larger than {limit} bytes, the limit of this server"
    return ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message, INVALID, "request_too_large")


def too_many(limit: int) -> ApiError:
    message = f"{limit} requests are being processed, the limit of this server"
    headers = {"Retry-After": "1"}
    return ApiError(HTTPStatus.TOO_MANY_REQUESTS, message, RATE_LIMIT, "rate_limit_exceeded", headers)


def not_loaded() -> ApiError:
    message, headers = "the model is not loaded yet", {"Retry-After": "10"}
    return ApiError(HTTPStatus.SERVICE_UNAVAILABLE, message, SERVER, "model_not_loaded", headers)


def failed(message: str = "internal error; the server's log has the reason") -> ApiError:
    return ApiError(HTTPStatus.INTERNAL_SERVER_ERROR, message, SERVER, "internal_error")

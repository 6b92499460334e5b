"""The page over HTTP, behind a login."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from status.login import Login
from status.page import DEFAULT_RANGE, RANGES, STYLE_HASH, Page

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""No scripts, no external resources, no caching."""
Handler = Callable[[Request], Awaitable[Response]]


def create_app(page: Page, login: Login) -> Starlette:
    async def live(request: Request) -> Response:
        return HTMLResponse(await page.html(minutes(request), live=True), headers=HEADERS)

    async def kept(request: Request) -> Response:
        return HTMLResponse(await page.html(minutes(request), live=False), headers=HEADERS)

    return Starlette(
        routes=[
            Route("/", guarded(login, live)),
            Route("/snapshot", guarded(login, kept)),
            Route("/healthz", healthy),
        ]
    )


def guarded(login: Login, handler: Handler) -> Handler:
    async def authenticated(request: Request) -> Response:
        if login.accepts(request.headers.get("authorization")):
            return await handler(request)
        wanted = {"WWW-Authenticate": 'Basic realm="status", charset="UTF-8"', **HEADERS}
        return PlainTextResponse("login required\n", HTTPStatus.UNAUTHORIZED, wanted)

    return authenticated


async def healthy(_: Request) -> Response:
    """Independent of other sources: the page also works without them."""
    return PlainTextResponse("ok\n")


def minutes(request: Request) -> int:
    """The requested time range; values that are not offered give the default."""
    text = request.query_params.get("minutes", "")
    return int(text) if text.isdecimal() and int(text) in RANGES else DEFAULT_RANGE

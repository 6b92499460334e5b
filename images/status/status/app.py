"""The page over HTTP, behind a login."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from status.login import Door
from status.page import RANGES, STYLE_HASH, USUAL, Page

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""The page runs no script, loads nothing, and is kept nowhere."""
Handler = Callable[[Request], Awaitable[Response]]


def create_app(page: Page, door: Door) -> Starlette:
    async def live(request: Request) -> Response:
        return HTMLResponse(await page.html(minutes(request), live=True), headers=HEADERS)

    async def kept(request: Request) -> Response:
        return HTMLResponse(await page.html(minutes(request), live=False), headers=HEADERS)

    return Starlette(
        routes=[
            Route("/", guarded(door, live)),
            Route("/snapshot", guarded(door, kept)),
            Route("/healthz", healthy),
        ]
    )


def guarded(door: Door, handler: Handler) -> Handler:
    async def behind_the_door(request: Request) -> Response:
        if door.admits(request.headers.get("authorization")):
            return await handler(request)
        wanted = {"WWW-Authenticate": 'Basic realm="status", charset="UTF-8"', **HEADERS}
        return PlainTextResponse("a login is needed\n", HTTPStatus.UNAUTHORIZED, wanted)

    return behind_the_door


async def healthy(_: Request) -> Response:
    """The page answers whoever else does not, so that nothing else is asked here."""
    return PlainTextResponse("ok\n")


def minutes(request: Request) -> int:
    """How far back; anything else than what the page offers is the usual."""
    text = request.query_params.get("minutes", "")
    return int(text) if text.isdecimal() and int(text) in RANGES else USUAL

"""A server that a rollout replaces without interrupting a stream."""

import asyncio
import signal
from types import FrameType

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from llm.app import Service

KEEP_ALIVE_SECONDS = 60
"""For the next request on a connection."""


class Draining:
    """Wraps an application: while it drains, a connection ends with its response, and its client opens another one, to
    another pod."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and self._service.draining:
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        await self._app(scope, receive, sending)


class DrainingServer(uvicorn.Server):
    """On SIGTERM it reports not ready and serves on, until every proxy has removed its endpoint. Then it stops
    listening, finishes open requests, and ends. One that never was ready ends at once.
    """

    def __init__(self, app: ASGIApp, service: Service, port: int, drain_seconds: float, grace_seconds: int) -> None:
        super().__init__(
            uvicorn.Config(
                Draining(app, service),
                host="0.0.0.0",
                port=port,
                http="h11",
                ws="none",
                access_log=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                log_level="warning",
                timeout_graceful_shutdown=grace_seconds,
            )
        )
        self._service, self._drain_seconds = service, drain_seconds

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig != signal.SIGTERM or not self._service.ready:
            self.should_exit = True
            return
        self._service.draining = True
        loop = asyncio.get_running_loop()
        loop.call_soon_threadsafe(loop.call_later, self._drain_seconds, self._finish)

    def _finish(self) -> None:
        self.should_exit = True

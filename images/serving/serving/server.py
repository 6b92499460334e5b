"""A server that a rollout can replace without losing a request."""

import asyncio
import signal
from types import FrameType

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.app import Service

PORT = 8080
GRACE_SECONDS = 20


class ClosesConnections:
    """While draining, each answer ends its connection: a client that keeps one open would never be moved on."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def closing(message: Message) -> None:
            if message["type"] == "http.response.start" and self._service.draining:
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        await self._app(scope, receive, closing)


class DrainingServer(uvicorn.Server):
    """On SIGTERM it reports itself unready and keeps serving.

    A pod is told to stop before the last proxy has heard that it is going; requests arrive until then. Only
    after the delay does it stop listening and finish what is in flight. One that never was ready stops at once.
    """

    def __init__(self, app: ASGIApp, service: Service, drain_seconds: float) -> None:
        super().__init__(
            uvicorn.Config(
                ClosesConnections(app, service),
                host="0.0.0.0",
                port=PORT,
                access_log=False,
                log_level="warning",
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )
        self._service = service
        self._drain_seconds = drain_seconds
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)  # type: ignore[arg-type]

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig != signal.SIGTERM or self._loop is None or not self._service.ready:
            self.should_exit = True
            return
        self._service.draining = True
        self._loop.call_soon_threadsafe(self._loop.call_later, self._drain_seconds, self._finish)

    def _finish(self) -> None:
        self.should_exit = True

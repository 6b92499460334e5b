"""A server that a rollout can replace without losing a request, and whose connections clients can't hold open."""

import asyncio
import signal
import socket
from types import FrameType

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from serving.app import Service

PORT = 8080
GRACE_SECONDS = 20
HEAD_SECONDS = 10.0
"""For a request's line and headers, from when the connection is open or its last response is sent."""
SEND_SECONDS = 20
"""A client that reads nothing of its response for so long is disconnected."""
READ_BYTES = 16 * 2**10
"""At most as much is read from a connection before others have their turn; headers are limited to it by h11."""
SEND_BYTES = 64 * 2**10
DISCARDED_BYTES = 64 * 2**10
"""As much of a refused request is received, so that its client reads the response rather than a reset."""
OTHER_CONNECTIONS = 512
"""Open connections beside those whose requests are being answered; container runtimes allow at least 1024 files."""
BACKLOG = 128
"""Connections that asyncio accepts before it serves the first one of them."""


class Transmission:
    """Wraps an application: its responses end connections that must not be kept, and wait for clients to read.

    A connection is not kept while the server drains, since its client would never be moved on, nor after a large body
    that was refused before it was read: a server that keeps the connection has to receive the rest.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        unread = scope["type"] == "http" and announces_large_body(scope)

        async def reading() -> Message:
            nonlocal unread
            message = await receive()
            unread = unread and message.get("more_body", False)
            return message

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and (unread or self._service.draining):
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            for part in parts(message):
                await send(part)

        await self._app(scope, reading, sending)


def announces_large_body(scope: Scope) -> bool:
    headers = dict(scope["headers"])
    return b"transfer-encoding" in headers or int(headers.get(b"content-length", 0)) > DISCARDED_BYTES


def parts(message: Message) -> list[Message]:
    """uvicorn waits for the client between messages, and buffers each one whole."""
    body = message.get("body", b"")
    if len(body) <= SEND_BYTES:
        return [message]
    begins = range(0, len(body), SEND_BYTES)
    return [
        {**message, "body": body[begin : begin + SEND_BYTES], "more_body": begin != begins[-1] or more_body(message)}
        for begin in begins
    ]


def more_body(message: Message) -> bool:
    return bool(message.get("more_body", False))


class BoundedProtocol(H11Protocol, asyncio.BufferedProtocol):
    """uvicorn's HTTP with limits for clients that send or read slowly, and for the number of connections.

    uvicorn's `limit_concurrency` is none of them: it answers health checks with 503 too.
    """

    max_connections: int
    _buffer = bytearray(READ_BYTES)
    """Of all connections: what is received is handled at once."""
    _deadline: asyncio.TimerHandle | None = None
    _aborted = False

    # A transport of TCP, which is what uvicorn makes; the base class admits any.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._since = self.loop.time()
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SEND_SECONDS * 1000)
        self._expect_request()
        if len(self.connections) > self.max_connections:
            self._close_oldest()

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(bytes(self._buffer[:nbytes]))

    def on_response_complete(self) -> None:
        self._expect_request()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._deadline:
            self._deadline.cancel()
        super().connection_lost(exc)

    @property
    def between_requests(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    @property
    def answering(self) -> bool:
        """The request has arrived, and its response has not been sent."""
        return not self.between_requests and not self.cycle.more_body and not self.transport.is_closing()

    def _expect_request(self) -> None:
        if self._deadline:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(HEAD_SECONDS, self._close_without_request)

    def _close_without_request(self) -> None:
        if self.between_requests:
            self._abort()

    def _abort(self) -> None:
        self._aborted = True
        self.transport.abort()

    def _close_oldest(self) -> None:
        """A connection that still sends its request, or has none: health checks find a free one at any time."""
        waiting = [one for one in self.connections if not one.answering and not one._aborted]
        min(waiting, key=lambda connection: connection._since)._abort()


class DrainingServer(uvicorn.Server):
    """On SIGTERM it reports itself unready and keeps serving.

    A pod is told to stop before the last proxy has heard that it is going; requests arrive until then. Only
    after the delay does it stop listening and finish what is in flight. One that never was ready stops at once.
    """

    def __init__(self, app: ASGIApp, service: Service, drain_seconds: float) -> None:
        connections = service.admission.limits.requests + OTHER_CONNECTIONS
        super().__init__(
            uvicorn.Config(
                Transmission(app, service),
                host="0.0.0.0",
                port=PORT,
                http=type("Protocol", (BoundedProtocol,), {"max_connections": connections}),
                ws="none",
                backlog=BACKLOG,
                h11_max_incomplete_event_size=READ_BYTES,
                access_log=False,
                log_level="warning",
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )
        self._service = service
        self._drain_seconds = drain_seconds
        self._loop: asyncio.AbstractEventLoop | None = None

    # The sockets are passed on as they are.
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

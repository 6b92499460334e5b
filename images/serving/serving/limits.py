"""Limits that bound a server's memory: the size of a request, its duration, and how many are answered at once."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request

BODY_SECONDS = 20.0
"""For a whole body; a limit between two reads would admit one byte at a time."""
BUFFERED_REQUESTS = 8
"""Large bodies and responses take as much memory as this many of the largest requests."""
LARGE_BYTES = 64 * 2**10
"""Larger bodies share a buffer, and those of JSON are decoded one at a time, since it takes up to 30 times its size as
Python objects. Smaller ones do not wait for them, and their number is bounded by that of connections."""
RETRY_AFTER = {"Retry-After": "1"}


@dataclass(frozen=True)
class Limits:
    """As declared. The fallbacks are for a server that is started by hand; the platform passes the first two."""

    request_bytes: int = 4 * 2**20
    requests: int = 32
    batch_rows: int = 64
    """Of one run for several requests; 1: each runs by itself."""


class Admission:
    """Admits requests while there is memory and capacity for them; otherwise their clients should retry."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.buffer_limit = BUFFERED_REQUESTS * limits.request_bytes
        self.buffered = 0
        self._answering = 0
        self.large = asyncio.Semaphore(1)

    @contextmanager
    def buffer(self) -> Iterator["Buffer"]:
        """What one request holds in memory, from the first byte of its body to the last of its response."""
        buffer = Buffer(self)
        try:
            yield buffer
        finally:
            buffer.resize(0)

    @contextmanager
    def answering(self) -> Iterator[None]:
        """From when the body has arrived: clients that send slowly must not use up the capacity for others."""
        if self._answering >= self.limits.requests:
            raise too_many(f"{self._answering} requests are being answered, the limit of this server")
        self._answering += 1
        try:
            yield
        finally:
            self._answering -= 1


class Buffer:
    """Bytes of one request: of its body, then of its response."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._size = 0

    def resize(self, size: int) -> None:
        """A response may be larger than the limit for all, if it is the only one."""
        others = self._admission.buffered - self._size
        grows = size > max(self._size, LARGE_BYTES)
        if grows and others and others + size > self._admission.buffer_limit:
            raise too_many("large requests take all memory that there is for them")
        self._admission.buffered = others + size
        self._size = size


async def read_body(request: Request, limits: Limits, buffer: Buffer) -> bytes:
    """A body that announces its size is refused before it is read, any other one as soon as it is too large."""
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced) > limits.request_bytes:
        raise too_large(limits)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                if len(body) + len(chunk) > limits.request_bytes:
                    raise too_large(limits)
                buffer.resize(len(body) + len(chunk))
                body += chunk
    except TimeoutError:
        reason = f"the body has not arrived within {BODY_SECONDS:.0f} s"
        raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, reason) from None
    return bytes(body)


def too_large(limits: Limits) -> HTTPException:
    reason = f"the body is larger than {limits.request_bytes} bytes, the limit of this server"
    return HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, reason)


def too_many(reason: str) -> HTTPException:
    return HTTPException(HTTPStatus.TOO_MANY_REQUESTS, reason, RETRY_AFTER)

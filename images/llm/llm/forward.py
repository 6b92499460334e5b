"""Forwards a request to llama.cpp, and its response as it is generated."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import httpx
from starlette.types import Receive, Send

from llm.adapters import Renamed

FORWARDED = (b"content-type", b"cache-control")
"""Headers of responses; others are about the connection to llama.cpp."""


def client(url: str) -> httpx.AsyncClient:
    """Without timeouts: a response takes as long as its generation. Each request has a connection of its own, whose
    end stops the generation."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    return httpx.AsyncClient(base_url=url, timeout=None, limits=limits, trust_env=False)


async def forward(engine: httpx.AsyncClient, path: str, body: bytes, renamed: Renamed, send: Send) -> None:
    async with engine.stream("POST", path, content=body, headers={"Content-Type": "application/json"}) as response:
        headers = [(name.lower(), value) for name, value in response.headers.raw if name.lower() in FORWARDED]
        await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
        async for chunk in response.aiter_raw():
            await send({"type": "http.response.body", "body": renamed.read(chunk), "more_body": True})
        await send({"type": "http.response.body", "body": renamed.rest()})


async def while_connected(receive: Receive, answer: Coroutine[Any, Any, None]) -> None:
    """Stops generating for a client that has disconnected. The body must have been received."""
    answering, leaving = asyncio.ensure_future(answer), asyncio.ensure_future(receive())
    try:
        await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if answering.done():
            answering.result()
    finally:
        answering.cancel()
        leaving.cancel()
        await asyncio.gather(answering, leaving, return_exceptions=True)

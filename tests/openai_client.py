"""OpenAI's own client, and streams that are counted."""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass, field
from threading import Thread
from typing import Any

import httpx2
import openai

SAY: Any = [{"role": "user", "content": "hi"}]
SECONDS = 180


class _AtAddress(httpx2.HTTPTransport):
    """Connects to an address that no DNS knows, by the name in its certificate."""

    def __init__(self, host: str, trusted: ssl.SSLContext) -> None:
        super().__init__(verify=trusted)
        self._host = host

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        request.headers["Host"] = self._host
        request.extensions = {**request.extensions, "sni_hostname": self._host}
        return super().handle_request(request)


def by_tls(address: str, host: str, path: str, trusted: str, key: str, port: int = 443) -> openai.OpenAI:
    """A client that trusts the authority in PEM, and never retries."""
    context = ssl.create_default_context(cadata=trusted)
    client = openai.DefaultHttpxClient(transport=_AtAddress(host, context))
    url = f"https://{address}:{port}{path}/v1"
    return openai.OpenAI(base_url=url, api_key=key, max_retries=0, timeout=SECONDS, http_client=client)


def plain(url: str, key: str = "none") -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=SECONDS)


def complete(client: openai.OpenAI, model: str, tokens: int = 4) -> str:
    """The model's name in the response."""
    return client.chat.completions.create(model=model, messages=SAY, max_tokens=tokens).model


@dataclass
class Stream:
    """A stream of so many tokens in the background; `end` is its finish reason, or how it failed."""

    client: openai.OpenAI
    model: str
    tokens: int
    chunks: int = 0
    end: str | None = None
    ended: float = 0.0
    """Of `time.monotonic()`."""
    _thread: Thread = field(init=False)

    def __post_init__(self) -> None:
        self._thread = Thread(target=self._read, daemon=True)
        self._thread.start()

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)

    def _read(self) -> None:
        try:
            stream = self.client.chat.completions.create(
                model=self.model,
                messages=SAY,
                max_tokens=self.tokens,
                stream=True,
                extra_body={"ignore_eos": True},
            )
            for chunk in stream:
                self.chunks += 1
                self.end = chunk.choices[0].finish_reason if chunk.choices else self.end
        except (openai.OpenAIError, httpx2.HTTPError) as error:
            self.end = repr(error)
        self.ended = time.monotonic()

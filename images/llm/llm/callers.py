"""Usage by caller, as in images/serving, and by tokens. The gateway sends the name of each caller, and never its key,
in a header.

Only names of the file become labels: a pod of the team reaches the server without the gateway, and could send any.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter

HEADER = "x-caller"
CURRENT, PREVIOUS, NEXT = "current", "previous", "next"
"""Keys of a caller: a rotation replaces the current one, and accepts the one before for a while."""
PROMPT, COMPLETION = "prompt", "completion"
"""Types of tokens, as in the API's `usage`."""
_TIMINGS = re.compile(rb'"timings":\{"cache_n":(\d+),"prompt_n":(\d+),[^}]*"predicted_n":(\d+)')
"""Of generated text the quotes would be escaped."""
_TAIL_BYTES = 1024


class Usage:
    """Tokens of a response, from what llama.cpp writes at its end, whether it is a stream or not."""

    def __init__(self) -> None:
        self._tail, self._events = b"", 0

    def read(self, chunk: bytes) -> None:
        self._events += chunk.count(b"\n\n")
        self._tail = (self._tail + chunk)[-_TAIL_BYTES:]

    @property
    def tokens(self) -> Mapping[str, int]:
        """A stream that its client cuts off has no such end: each of its events is about one token."""
        written = _TIMINGS.findall(self._tail)
        if not written:
            return {PROMPT: 0, COMPLETION: self._events}
        cached, processed, predicted = map(int, written[-1])
        return {PROMPT: cached + processed, COMPLETION: predicted}


class Callers:
    def __init__(self, file: str, model: str, registry: CollectorRegistry) -> None:
        self._file, self._model = Path(file), model
        self._names: frozenset[str] = frozenset()
        self._requests = Counter(
            "inference_caller_requests",
            "Completions requested by caller, and by the key that it sent; no name: without the gateway.",
            ("caller", "key", "model", "code"),
            registry=registry,
        )
        self._tokens = Counter(
            "inference_caller_tokens",
            "Tokens of prompts, cached ones included, and of completions.",
            ("caller", "model", "type"),
            registry=registry,
        )
        self.refresh()

    def refresh(self) -> None:
        """The file changes while the server runs. Callers of the base model are counted from the start: an increase
        from nothing to one is none. Of each with every adapter there could be more series than Prometheus takes of a
        pod."""
        with suppress(OSError):
            self._names = frozenset(self._file.read_text().split())
        for name in self._names:
            for key in (CURRENT, PREVIOUS):
                self._requests.labels(name, key, self._model, "200")
            for type_ in (PROMPT, COMPLETION):
                self._tokens.labels(name, self._model, type_)

    def observe(self, sent: str | None, model: str, code: int, usage: Usage) -> None:
        """`sent` is the header's value, `model` the name that was asked for."""
        name, key = self._identify(sent or "")
        self._requests.labels(name, key, model, str(code)).inc()
        for type_, tokens in usage.tokens.items():
            self._tokens.labels(name, model, type_).inc(tokens)

    def _identify(self, sent: str) -> tuple[str, str]:
        """`ci.previous` is the caller `ci` with the key from before its rotation."""
        name, _, key = sent.partition(".")
        key = key or CURRENT
        known = name in self._names and key in (CURRENT, PREVIOUS, NEXT)
        return (name, key) if known else ("", "")

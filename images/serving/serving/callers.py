"""Usage by caller. The gateway sends the name of each caller, and never its key, in a header.

Only names of the file become labels: a pod of the team reaches the server without the gateway, and could send any.
"""

from contextlib import suppress
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter

HEADER = "x-caller"
CURRENT, PREVIOUS, NEXT = "current", "previous", "next"
"""Keys of a caller: a rotation replaces the current one, and accepts the one before for a while."""


class Callers:
    def __init__(self, file: str, model: str, registry: CollectorRegistry) -> None:
        self._file, self._model = Path(file), model
        self._names: frozenset[str] = frozenset()
        self._requests = Counter(
            "inference_caller_requests",
            "Inference requests by caller, and by the key that it sent; no name: without the gateway.",
            ("caller", "key", "model", "code"),
            registry=registry,
        )
        self.refresh()

    def refresh(self) -> None:
        """The file changes while the server runs. Callers are counted from the start: an increase from nothing to one
        is none."""
        with suppress(OSError):
            self._names = frozenset(self._file.read_text().split())
        for name in self._names:
            for key in (CURRENT, PREVIOUS):
                self._requests.labels(name, key, self._model, "200")

    def observe(self, sent: str | None, code: int) -> None:
        """`sent` is the header's value."""
        name, key = self._identify(sent or "")
        self._requests.labels(name, key, self._model, str(code)).inc()

    def _identify(self, sent: str) -> tuple[str, str]:
        """`ci.previous` is the caller `ci` with the key from before its rotation."""
        name, _, key = sent.partition(".")
        key = key or CURRENT
        known = name in self._names and key in (CURRENT, PREVIOUS, NEXT)
        return (name, key) if known else ("", "")

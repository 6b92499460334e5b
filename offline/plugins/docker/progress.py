"""Follows the engine's stream of messages during a build or a push."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common import paths
from common.errors import without_ansi
from offline.plugins.provider import ProviderError

TAIL = 15
STATUS_SECONDS = 3.0
"""The minimum interval between status updates of one image: in a log, each is a line."""

Say = Callable[[str], None]


class EngineError(ProviderError):
    """An error that the engine reported in its stream."""


@dataclass
class Transcript:
    """Follows one stream: everything goes to the log, and a readable extract to the status column."""

    say: Say
    log: Path | None = None
    aux: list[dict[str, Any]] = field(default_factory=list)
    _tail: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL))
    _said: float = 0.0

    def follow(self, messages: Iterable[dict[str, Any]]) -> None:
        """Read the stream to its end; an error in it is raised."""
        for message in messages:
            if "error" in message:
                text = without_ansi(message["error"]).strip()
                self._write(f"{text}\n")
                raise EngineError(text)
            if "aux" in message:
                self.aux.append(message["aux"])
            if "stream" in message:
                text = without_ansi(message["stream"])
                self._write(text)
                self._status(text.strip())
            elif "status" in message:
                self._status(_progress(message))

    def tail(self) -> str:
        return "\n".join(self._tail)

    def _write(self, text: str) -> None:
        self._tail.extend(line for line in text.splitlines() if line.strip())
        if self.log is not None:
            with self.log.open("a") as file:
                file.write(text)

    def _status(self, text: str) -> None:
        now = time.monotonic()
        if text and (text.startswith("Step ") or now - self._said > STATUS_SECONDS):
            self._said = now
            self.say(text.splitlines()[-1])


def _progress(message: dict[str, Any]) -> str:
    amount = message.get("progress", "").rpartition("]")[2].strip()  # without the bar before it
    parts = [message.get("id", ""), message["status"], amount]
    return " ".join(part for part in parts if part)


def new_log(name: str) -> Path:
    """An empty log file with mode 0600."""
    paths.LOGS.mkdir(parents=True, exist_ok=True)
    log = paths.LOGS / f"{name}.log"
    log.write_text("")
    log.chmod(0o600)
    return log

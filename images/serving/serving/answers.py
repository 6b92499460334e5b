"""The last answers, by the IDs of their requests: what the servers of an endpoint and of its canary compare."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from threading import Lock

import msgspec

LONGEST_ID = 64
"""The gateway's have 36 characters."""
KEPT_SECONDS = 60.0
"""The other server may take so much longer for its answer."""
ASKED_SECONDS = 10.0
"""A canary asks every second."""
MOST = 2**14
"""Digests that are kept: a few MiB."""


class Answer(msgspec.Struct):
    """Its HTTP status, and the digests of a prediction's outputs."""

    status: int = 0
    """0: there is no response."""
    outputs: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def size(self) -> int:
        return max(1, len(self.outputs))


class Answers:
    """Safe in threads. A server keeps none until a canary asks for them, and the canary itself those to compare."""

    def __init__(self, always: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._always, self._clock, self._lock = always, clock, Lock()
        self._asked = -ASKED_SECONDS
        self._kept: OrderedDict[str, tuple[float, Answer]] = OrderedDict()
        self._size = self._dropped = 0

    def wanted(self) -> bool:
        """Otherwise those that were kept are forgotten."""
        if self._always or self._clock() - self._asked < ASKED_SECONDS:
            return True
        if self._kept:
            with self._lock:
                self._drop(0)
        return False

    def add(self, request: str, answer: Answer) -> None:
        """A request that is sent again, with the same ID, has another answer."""
        with self._lock:
            self._remove(request)
            self._kept[request] = (self._clock(), answer)
            self._size += answer.size
            self._drop(MOST)

    def asked(self, requests: Iterable[str]) -> dict[str, Answer]:
        """By a canary: those of its requests that are kept."""
        with self._lock:
            self._asked = self._clock()
            self._drop(MOST)
            return {request: self._kept[request][1] for request in requests if request in self._kept}

    def take(self, request: str) -> Answer | None:
        with self._lock:
            return self._remove(request)

    def requests(self) -> list[str]:
        """The IDs of all, oldest first."""
        with self._lock:
            return list(self._kept)

    def dropped(self) -> int:
        """How many were dropped since the last call: because of their age, or to make room for others."""
        with self._lock:
            self._drop(MOST)
            found, self._dropped = self._dropped, 0
        return found

    def _drop(self, most: int) -> None:
        too_old = self._clock() - KEPT_SECONDS
        while self._kept:
            request, (added, _) = next(iter(self._kept.items()))
            if self._size <= most and added > too_old:
                return
            self._remove(request)
            self._dropped += 1

    def _remove(self, request: str) -> Answer | None:
        if request not in self._kept:
            return None
        _, answer = self._kept.pop(request)
        self._size -= answer.size
        return answer

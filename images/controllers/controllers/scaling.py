"""How many pods an endpoint needs: as Kubernetes' HorizontalPodAutoscaler decides, and none after a time without
requests.
"""

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from controllers.envoy import Requests
from controllers.latency import LONGEST_START, TOLERANCE, Latency

UP_AVERAGE = 10
"""Seconds over which requests in flight are averaged: a burst that pods work off meanwhile needs no other pod."""
MOST_ADDED, PERIOD = 4, 15
"""Pods are at most doubled, or so many added, in so many seconds."""


@dataclass(frozen=True)
class Bounds:
    """What an endpoint declares; `down_after` is in seconds."""

    minimum: int
    maximum: int
    in_flight: float
    """Requests of each pod."""
    down_after: float
    latency: float | None = None
    """Seconds, on average."""

    @classmethod
    def read(cls, declared: Mapping[str, Any]) -> Self:
        return cls(*(declared[name] for name in ("min", "max", "requestsInFlight", "scaleDownAfter", "latency")))


@dataclass
class Scaler:
    """Of one endpoint; times are in seconds of a clock that never goes back."""

    bounds: Bounds
    _samples: deque[tuple[float, float]] = field(default_factory=deque)
    _wanted: deque[tuple[float, int]] = field(default_factory=deque)
    _since: float = math.inf
    _asked: float = -math.inf
    _raised: float = -math.inf
    _current: tuple[int, float] = (0, -math.inf)
    _latency: Latency | None = None

    def __post_init__(self) -> None:
        if self.bounds.latency is not None:
            self._latency = Latency(self.bounds.latency)

    def observe(self, now: float, requests: Requests) -> None:
        """Requests that are in flight, and what else was counted since the last time."""
        self._since = min(self._since, now)
        if requests.begun or requests.in_flight:
            self._asked = now
        self._samples.append((now, requests.in_flight))
        while self._samples[0][0] <= now - UP_AVERAGE:
            self._samples.popleft()
        if self._latency:
            self._latency.observe(now, requests)

    def replicas(self, now: float, current: int, ready: int) -> int:
        """How many pods there should be; `ready` of the `current` ones answer. None goes while one starts, for a
        quarter of an hour at most, or before `down_after` has passed since the first observation.
        """
        need = self._need(now, current, ready)
        self._wanted.append((now, need))
        while self._wanted[0][0] < now - self.bounds.down_after:
            self._wanted.popleft()
        if need > current:
            return self._raise(now, current, need)
        if current != self._current[0]:
            self._current = (current, now)
        settled = ready >= current or now - self._current[1] >= max(self.bounds.down_after, LONGEST_START)
        may_go = settled and now - self._since >= self.bounds.down_after
        if need == 0 and may_go:
            return 0
        highest = max(wanted for _, wanted in self._wanted) if may_go else self.bounds.maximum
        return min(current, highest)

    def __str__(self) -> str:
        """What it decides by."""
        took = self._latency.measured if self._latency else None
        return f"{self._in_flight:.3g} requests in flight" + (f", {took * 1000:.0f} ms" if took is not None else "")

    @property
    def _in_flight(self) -> float:
        """On average."""
        return sum(value for _, value in self._samples) / len(self._samples)

    def _need(self, now: float, current: int, ready: int) -> int:
        """The most that a measure asks for, within the bounds."""
        pods = self._in_flight / self.bounds.in_flight
        close = current and abs(pods / current - 1) <= TOLERANCE
        wanted = current if close else math.ceil(pods)
        asleep = now - self._asked >= self.bounds.down_after
        if self._latency and not asleep:
            wanted = max(wanted, self._latency.pods(now, current, ready))
        return min(max(wanted, self.bounds.minimum, 0 if asleep else 1), self.bounds.maximum)

    def _raise(self, now: float, current: int, need: int) -> int:
        if current < max(self.bounds.minimum, 1):
            return max(self.bounds.minimum, 1)
        if self._latency:
            self._latency.overloaded(now, current)
        if now - self._raised < PERIOD:
            return current
        self._raised = now
        return min(need, max(2 * current, current + MOST_ADDED))

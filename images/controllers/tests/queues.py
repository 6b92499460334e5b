"""Endpoints that are simulated: nothing sleeps, and every run is the same."""

import math
import random
from dataclasses import dataclass, field
from typing import NamedTuple

from controllers.envoy import Requests
from controllers.scaling import Bounds, Scaler

START, PUBLISH = 8, 5
"""Seconds until a pod is ready, and after which a proxy publishes latencies."""
MOST, REFUSED = 32, 0.005
"""Requests that a pod takes at the same time, and seconds in which it refuses more."""


class Response(NamedTuple):
    end: float
    took: float
    succeeded: bool = True
    timed_out: bool = False
    """No proxy measures it."""


@dataclass
class Endpoint:
    """Its pods answer one request at a time, each in `service` seconds; more of them wait in the pod. Requests come
    independently of each other, to the pod with the shortest queue.
    """

    bounds: Bounds
    current: int
    service: float
    delay: float = 0
    """Seconds that each request waits beside it for something that all pods share."""
    start: int = START
    timeout: float = math.inf
    """Seconds after which a request is aborted. Its pod works on."""
    unready: int = 0
    """Pods that get no requests, though they have started."""
    now: int = 0
    refused: int = 0
    """Requests, since a pod had too many."""
    changes: list[tuple[int, int, int]] = field(default_factory=list)
    """When, from and to how many pods."""

    def __post_init__(self) -> None:
        self.scaler, self._random = Scaler(self.bounds), random.Random(1)
        self._pods = [(0.0, 0.0)] * self.current
        """From when each is ready, and until when it is busy."""
        self._next, self._held, self._published = 0.0, list[float](), (0.0, 0.0)
        self._open, self._answered = list[Response](), list[Response]()

    def run(self, seconds: int, per_second: float) -> "Endpoint":
        for _ in range(seconds):
            self.now += 1
            begun = self._requests(per_second)
            ended = [each for each in self._open if each.end <= self.now and not each.timed_out]
            self._open = [each for each in self._open if each.end > self.now]
            self._answered += ended
            took = sum(each.took for each in ended)
            self._published = (self._published[0] + len(ended), self._published[1] + took)
            published, in_flight = (0.0, 0.0), len(self._open) + len(self._held)
            if self.now % PUBLISH == 0:
                published, self._published = self._published, (0.0, 0.0)
            succeeded = sum(each.succeeded for each in ended)
            self.scaler.observe(self.now, Requests(in_flight, begun, *published, succeeded))
            self._scale(self.scaler.replicas(self.now, self.current, len(self._ready())))
        return self

    def raises(self, since: int = 0) -> int:
        """How often pods were added."""
        return sum(before < after for when, before, after in self.changes if when > since)

    def latency(self, seconds: int) -> float:
        """The average over the last ones."""
        took = [each.took for each in self._answered if each.end > self.now - seconds]
        return sum(took) / len(took)

    def _requests(self, per_second: float) -> int:
        self._next = max(self._next, self.now - 1)
        come, self._held = self._held, []
        while per_second and self._next <= self.now:
            come.append(self._next)
            self._next += self._random.expovariate(per_second)
        for each in come:
            self._send(each)
        return len(come)

    def _send(self, came: float) -> None:
        """A request that no pod answers is held, and tried again in a second."""
        ready = self._ready()
        if not ready:
            self._held.append(came)
            return
        pod = min(ready, key=lambda each: self._pods[each][1])
        since, busy = self._pods[pod]
        end = max(came, busy, since) + self.service
        if end - max(came, since) > MOST * self.service:
            self.refused += 1
            self._open.append(Response(came + REFUSED, REFUSED, succeeded=False))
            return
        self._pods[pod] = (since, end)
        took = end + self.delay - came
        self._open.append(Response(came + min(took, self.timeout), took, timed_out=took > self.timeout))

    def _ready(self) -> list[int]:
        started = [number for number, (since, _) in enumerate(self._pods) if since <= self.now]
        return started[self.unready :]

    def _scale(self, wanted: int) -> None:
        if wanted != self.current:
            self.changes.append((self.now, self.current, wanted))
        self._pods = self._pods[:wanted] + [(self.now + self.start, -math.inf)] * (wanted - self.current)
        self.current = wanted

"""How many pods an endpoint needs to keep its average latency below a target, as Kubernetes' HorizontalPodAutoscaler
decides by a metric with a target of type `Value`.

A HorizontalPodAutoscaler would add a pod, remove it since the latency is low, and add it again. Here the requests per
second of each pod with which more pods were needed are remembered, and pods are only removed while the others get
fewer.
"""

import math
from collections import deque
from dataclasses import dataclass, field

from controllers.envoy import Requests

LEAST, WINDOW = 10, 30
"""Seconds over which a latency is averaged, after a change of the pods and otherwise."""
FEWEST = 3
"""Requests: the latency of fewer is no measurement. The window is at least as many times as long as the target."""
TOLERANCE = 0.1
"""Around the target, as the HorizontalPodAutoscaler's."""
SETTLE = 15
"""Seconds beyond the target that do not count after a change of the pods: requests end in them that waited for it, and
the proxies publish latencies every 5 seconds.
"""
LONGEST_START = 900
"""Seconds after which a pod that is not ready does not hold up scaling any more."""
REMEMBERED = 3600
"""Seconds."""


@dataclass
class Latency:
    """Of one endpoint; times are in seconds of a clock that never goes back."""

    target: float
    """Seconds, on average."""
    _samples: deque[tuple[float, Requests]] = field(default_factory=deque)
    _pods: tuple[int, int] = (0, 0)
    """How many there are, and how many of these have been ready at the same time."""
    _since: float = -math.inf
    """From when a measurement is of these pods."""
    _overload: tuple[float, float] = (0, -math.inf)
    """Successful requests per second and pod with which more pods were needed, and when."""

    def observe(self, now: float, requests: Requests) -> None:
        """What was counted since the last time."""
        self._samples.append((now, requests))
        while self._samples[0][0] <= now - self._window:
            self._samples.popleft()

    def pods(self, now: float, current: int, ready: int) -> int:
        """How many it needs: as many as there are while pods start or requests do not end, and 0 with too few."""
        if current != self._pods[0] or ready > self._pods[1]:
            self._pods, self._since = (current, ready), now + SETTLE + self.target
        seconds, measured = min(now - self._since, self._window), self._counted(self._since)
        if seconds < LEAST or (ready < current and now - self._since < LONGEST_START):
            return current
        if measured.ended < FEWEST:
            return current if seconds < self._window or measured.begun >= FEWEST else 0
        ratio, per_second = measured.seconds / measured.ended / self.target, measured.succeeded / seconds
        if ratio > 1 + TOLERANCE:
            return current - ready + math.ceil(ready * ratio)
        if ratio >= 1 - TOLERANCE:
            return current
        return max(math.ceil(current * ratio), self._enough(now, current, per_second))

    def overloaded(self, now: float, current: int) -> None:
        """More pods are needed, by this measure or another one. The highest rate counts while that lasts: pods that
        have just been added, and the end of a burst, make it lower.
        """
        seconds = max(LEAST, FEWEST * self.target)
        per_pod, (highest, when) = self._counted(now - seconds).succeeded / seconds / current, self._overload
        self._overload = (max(highest, per_pod) if now - when < self._window else per_pod, now)

    @property
    def measured(self) -> float | None:
        """Seconds, on average over all requests that ended in the window."""
        found = self._counted()
        return found.seconds / found.ended if found.ended else None

    @property
    def _window(self) -> float:
        return max(WINDOW, FEWEST * self.target)

    def _counted(self, since: float = -math.inf) -> Requests:
        return sum((each for time, each in self._samples if time > since), Requests())

    def _enough(self, now: float, current: int, per_second: float) -> int:
        """So many that each gets a tenth less than was too much. While that is not known, or they answer more than
        that in time, one pod goes at a time.
        """
        per_pod, when = self._overload
        if now - when >= REMEMBERED or per_second >= current * per_pod * (1 + TOLERANCE):
            return current - 1
        return min(current, math.ceil(per_second / (per_pod * (1 - TOLERANCE))))

"""How many pods an endpoint needs to keep its average latency below a target: up as Kubernetes' HorizontalPodAutoscaler
decides by a metric with a target of type `Value`.

Down by requests: a latency below the target does not tell how many pods are enough. The requests per second of each pod
at which more pods were needed are remembered, and fewer pods have to get less. Otherwise it would remove a pod that it
has just added, again and again.
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
"""Seconds after a change of the pods that do not count: requests end in them that waited for it, and the proxies
publish latencies every 5 seconds.
"""
REMEMBERED = 3600
"""Seconds."""


@dataclass
class Latency:
    """Of one endpoint; times are in seconds of a clock that never goes back."""

    target: float
    """Seconds, on average."""
    _samples: deque[tuple[float, Requests]] = field(default_factory=deque)
    _pods: tuple[int, int] = (0, 0)
    _since: float = -math.inf
    """From when a measurement is of these pods."""
    _overload: tuple[float, float] | None = None
    """Requests per second and pod at which more pods were needed, and when."""

    def observe(self, now: float, requests: Requests) -> None:
        """Requests that were begun and ended since the last time."""
        self._samples.append((now, requests))
        while self._samples[0][0] <= now - self._window:
            self._samples.popleft()

    def pods(self, now: float, current: int, ready: int) -> int:
        """How many it needs; as many as there are while this is being measured, and 0 if too few requests ended."""
        if (current, ready) != self._pods:
            self._pods, self._since = (current, ready), now + SETTLE
        measured, seconds = self._counted(self._since), min(now - self._since, self._window)
        if seconds < LEAST or (measured.ended < FEWEST and seconds < self._window):
            return current
        if measured.ended < FEWEST:
            return 0
        ratio = measured.seconds / measured.ended / self.target
        per_pod = measured.ended / seconds / max(ready, 1)
        if ratio > 1 + TOLERANCE:
            self._overload = (per_pod, now)
            return math.ceil(current * ratio) if ready >= current else current
        return self._enough(now, current, per_pod, is_below=ratio < 1 - TOLERANCE)

    def raised(self, now: float, current: int, ready: int) -> None:
        """More pods are needed, by this measure or another one."""
        begun = self._counted(now - LEAST).begun
        is_known = self._overload is not None and self._overload[1] == now
        if begun and ready >= current > 0 and not is_known:
            self._overload = (begun / LEAST / current, now)

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

    def _enough(self, now: float, current: int, per_pod: float, *, is_below: bool) -> int:
        """By the overload, until pods get more than that and answer in time; without one, one pod goes at a time."""
        if self._overload:
            overload, when = self._overload
            if now - when < REMEMBERED and not (is_below and per_pod > overload * (1 + TOLERANCE)):
                return min(current, math.ceil(current * per_pod / (overload * (1 - TOLERANCE))))
            self._overload = None
        return current - 1 if is_below else current

"""SIGTERM: the pod has to go. The job ends at once, or after a checkpoint while it trains."""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_LONGEST_WAIT = 300
"""Seconds."""
_STOPPED = "training: stopped by SIGTERM"


class Stop:
    """Whether the job has been asked to stop."""

    def __init__(self) -> None:
        self.requested = False
        self._saves = False

    def listen(self) -> None:
        """The first process of a container ignores SIGTERM unless it asks for it."""
        signal.signal(signal.SIGTERM, self._terminate)

    @contextmanager
    def after_a_checkpoint(self) -> Iterator[None]:
        """Inside, whoever trains looks at `requested` after each step, saves and calls `now`."""
        self._saves = True
        try:
            yield
        finally:
            self._saves = False

    def now(self, what: str = "") -> None:
        sys.exit(_STOPPED + what)

    def with_the_others(self, what: str) -> None:
        """Another worker stops, for a reason that its own exit code tells. The pods of all are replaced then: this one
        waits for that, since an exit of its own would count as a failure."""
        self._saves = False
        if not self.requested:
            time.sleep(_LONGEST_WAIT)
        self.now(what)

    def _terminate(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        if not self._saves:
            self.now()

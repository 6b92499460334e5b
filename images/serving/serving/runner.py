"""Runs a model for requests; those that arrive while it runs for others are batched: the next run is for all of them.

A request never waits for others to arrive, so that batching adds no latency to a server that is idle.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from starlette.concurrency import run_in_threadpool

from serving.call import Call, join, split
from serving.datatypes import Array
from serving.model import Model

Arrays = list[Array]


@dataclass(frozen=True)
class BatchLimits:
    rows: int
    """Of a batch; a call with more is not queued."""
    size: int
    """Bytes of the inputs of all runs at a time, so that they take no more memory than the largest request."""
    runs: int
    """At a time; more than there are CPUs would make batches smaller and nothing faster."""


@dataclass(frozen=True, eq=False)
class Waiting:
    """A call in the queue."""

    call: Call
    rows: int
    size: int
    done: "asyncio.Future[Arrays]"


class Runner:
    """Calls are queued where the model's rows are independent; elsewhere each runs at once, in its own thread."""

    def __init__(self, model: Model, limits: BatchLimits, observe: Callable[[int], None]) -> None:
        """`observe` is called with the number of requests of each run, from any thread."""
        self.model = model
        self._limits, self._observe = limits, observe
        self._queue: deque[Waiting] = deque()
        self._runs = self._size = 0
        """Of what runs now."""

    def batches(self, call: Call) -> bool:
        """Whether it may share a run with other calls."""
        return self.model.unbatched is None and call.rows is not None and call.rows <= self._limits.rows > 1

    async def run(self, call: Call) -> Arrays:
        if not self.batches(call):
            return await run_in_threadpool(self.run_alone, call)
        loop = asyncio.get_running_loop()
        waiting = Waiting(call, call.rows or 0, call.size, loop.create_future())
        self._queue.append(waiting)
        # Not at once: other requests may have been received together with this one.
        loop.call_soon(self._start)
        return await waiting.done

    def run_alone(self, call: Call) -> Arrays:
        """At once, in the caller's thread."""
        self._observe(1)
        return self.model.run(call)

    def _start(self) -> None:
        """As many runs as the limits allow."""
        while self._runs < self._limits.runs and (batch := self._take()):
            self._runs += 1
            self._size += sum(waiting.size for waiting in batch)
            run = asyncio.get_running_loop().run_in_executor(None, self._run, [waiting.call for waiting in batch])
            run.add_done_callback(partial(self._finish, batch))

    def _take(self) -> list[Waiting]:
        """The call that waits longest, and all of its kind that fit."""
        batch: list[Waiting] = []
        others: deque[Waiting] = deque()
        rows, size = 0, self._size
        for waiting in self._queue:
            fits = rows + waiting.rows <= self._limits.rows and size + waiting.size <= self._limits.size
            if batch:
                joins = fits and waiting.call.kind == batch[0].call.kind
            else:
                joins = not others and (fits or not self._runs)
            if joins:
                batch.append(waiting)
                rows, size = rows + waiting.rows, size + waiting.size
            else:
                others.append(waiting)
        self._queue = others
        return batch

    def _finish(self, batch: Sequence[Waiting], run: "asyncio.Future[list[Arrays | Exception]]") -> None:
        self._runs -= 1
        self._size -= sum(waiting.size for waiting in batch)
        self._start()
        for waiting, result in zip(batch, run.result(), strict=True):
            # Its request may have been cancelled.
            if waiting.done.done():
                continue
            if isinstance(result, Exception):
                waiting.done.set_exception(result)
            else:
                waiting.done.set_result(result)

    def _run(self, calls: Sequence[Call]) -> list[Arrays | Exception]:
        """In a thread. For each call its outputs, or its own error: after a failed batch, each runs by itself."""
        if len(calls) > 1:
            with suppress(Exception):  # Whatever it is, each call then has its own result or error.
                found = split(self.model.run(join(calls)), [call.rows or 0 for call in calls])
                self._observe(len(calls))
                return list(found)
        return [self._attempt(call) for call in calls]

    def _attempt(self, call: Call) -> Arrays | Exception:
        try:
            return self.run_alone(call)
        except Exception as error:  # ONNX Runtime's errors have no common type; it is raised where the call waits.
            return error

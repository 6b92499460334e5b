"""Turns of the base model and its adapters: llama.cpp computes requests of one of them at a time.

By itself it would go on with those of one as long as there are any, and requests of others would wait for ever.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """A request waits while requests for another model run, or have waited longer."""

    def __init__(self) -> None:
        self._current, self._running = "", 0
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def turn(self, model: str) -> AsyncIterator[None]:
        waiter = (model, asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        self._admit()
        try:
            await waiter[1]
            yield
        finally:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            else:
                self._running -= 1
            self._admit()

    def _admit(self) -> None:
        """All requests for the model of the one that has waited longest, once none runs. Requests for the model that
        is running join it only while none for another model waits."""
        if not self._waiting or (self._running and any(model != self._current for model, _ in self._waiting)):
            return
        self._current = self._waiting[0][0]
        admitted = [each for each in self._waiting if each[0] == self._current]
        self._waiting = [each for each in self._waiting if each[0] != self._current]
        self._running += len(admitted)
        for _, turn in admitted:
            if not turn.cancelled():
                turn.set_result(None)

"""Waiting for what takes a moment."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(
    value: Callable[[], T], seconds: float = 30, what: str = "the condition", why: Callable[[], object] | None = None
) -> T:
    """The first truthy `value()`; an assertion error when there is none within `seconds`, with what `why()` returns."""
    deadline = time.monotonic() + seconds
    while True:
        found = value()
        if found:
            return found
        if time.monotonic() > deadline:
            seen = why() if why else found
            raise AssertionError(f"{what} did not come true within {seconds:.0f} s; last seen: {seen!r}")
        time.sleep(0.2)

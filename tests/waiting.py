"""Waiting for what takes a moment."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(value: Callable[[], T], seconds: float = 30, what: str = "the condition") -> T:
    """The first truthy `value()`; an assertion error when there is none within `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        found = value()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {seconds:.0f} s; last seen: {found!r}")
        time.sleep(0.2)

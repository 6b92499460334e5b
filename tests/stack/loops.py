"""Requests that go on while something is changed, and how each of them ended."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import requests

PAUSE = 0.05
"""Seconds."""


@contextmanager
def counting_requests(send: Callable[[], requests.Response]) -> Iterator[Counter[Any]]:
    """Send again and again, each time on a new connection; what was answered, by status or kind of failure."""
    answers: Counter[Any] = Counter()
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            try:
                answers[send().status_code] += 1
            except requests.RequestException as error:
                answers[type(error).__name__] += 1
            time.sleep(PAUSE)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield answers
    finally:
        done.set()
        thread.join()

"""Fixtures that several tests of the commands share."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.engine.cli.github import GitHub


@pytest.fixture
def github() -> Iterator[GitHub]:
    server = GitHub()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()

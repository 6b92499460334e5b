"""A marker for each tier, so that `-m unit` and `-m "not stack"` select tests as their folders do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from common.console import console

_TESTS = Path(__file__).parent
TIERS = ("unit", "engine", "cluster", "stack")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        tier = item.path.relative_to(_TESTS).parts[0] if item.path.is_relative_to(_TESTS) else ""
        if tier in TIERS:
            item.add_marker(tier)


@pytest.fixture(autouse=True)
def _messages_go_to_stdout() -> Iterator[None]:
    """A command whose stdout is a document sends its messages elsewhere until its process ends."""
    yield
    console.stderr = False

"""Users edit stack files: a unit test that reads one is marked `users_files`, any other one that does fails.

`tests/engine/test_edited_stack_files.py` runs the marked ones where the files are edited.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common import paths

_STACK_FILES = {*paths.REPOSITORY.glob("Pulumi.*.yaml")}
_watched: list[str] = []
"""The test that runs, if it may not read them."""


@pytest.fixture(autouse=True)
def _watch(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.node.get_closest_marker("users_files") is None:
        _watched.append(request.node.nodeid)
    yield
    _watched.clear()


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "open" or not _watched or not isinstance(arguments[0], str | os.PathLike):
        return
    if Path(arguments[0]).absolute() in _STACK_FILES:
        raise AssertionError(f"{_watched[0]} reads {arguments[0]}, which users edit: mark it `users_files`")


sys.addaudithook(_audit)

"""Every test of components runs in a project folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.declaration.samples import project


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Images are built from folders that are relative to the project."""
    monkeypatch.chdir(tmp_path)
    return project(tmp_path)

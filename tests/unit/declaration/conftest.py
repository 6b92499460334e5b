"""A project folder for declarations."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.declaration.samples import project


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with the images that the sample declaration names."""
    return project(tmp_path)

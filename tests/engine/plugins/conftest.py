"""Fixtures for tests of the plugins: a real engine with a stack of its own, a real Docker engine where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pulumi_engine import Pulumi, find_engine


@pytest.fixture
def pulumi(tmp_path: Path) -> Iterator[Pulumi]:
    """A stack of its own, destroyed at the end."""
    if find_engine() is None:
        pytest.skip("no pulumi on this machine: set ML_PLATFORM_BIN to the folder that holds it")
    with Pulumi(tmp_path) as stack:
        yield stack


@pytest.fixture(scope="session")
def engine() -> Any:
    """The Docker engine of this machine."""
    from docker import APIClient, from_env
    from docker.errors import DockerException

    try:
        client = from_env(timeout=120)
        client.ping()
    except DockerException as error:
        pytest.skip(f"no Docker engine answers at DOCKER_HOST: {error}")
    api: APIClient = client.api
    return api

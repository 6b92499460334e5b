"""The programs of the simulated control plane, and a project whose stacks are planned."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from common.console import Progress
from infra.catalogue.images import KUEUE
from offline import docker_engine, go_tools, machine
from tests.cluster.monitoring.images import built
from tests.unit.declaration.samples import project


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    _take_kueue_from_its_image()
    machine.ensure_simulation(Progress())
    return project(tmp_path_factory.mktemp("project"))


def _take_kueue_from_its_image() -> None:
    """Other tests have built it there, in minutes."""
    program = go_tools.KUEUE.program("kueue")
    if program.exists() or docker_engine.host() is None:
        return
    client = docker_engine.client()
    container = client.containers.create(built(client, KUEUE))
    try:
        chunks, _ = container.get_archive("/usr/local/bin/kueue")
        archive = io.BytesIO(b"".join(chunks))
    finally:
        container.remove()
    program.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=archive) as found, TemporaryDirectory(dir=program.parent) as partial:
        found.extract("kueue", partial, filter="data")
        Path(partial, "kueue").replace(program)

"""A browser; the page of a sample platform; and the page in the cluster with all that it asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from kubernetes import client, config
from playwright.sync_api import Browser

from common import paths
from infra.observability.dashboards import as_json
from offline.cluster import control_plane
from tests.cluster.status_page.browser import chromium
from tests.cluster.status_page.world import PageWorld, on_the_node
from tests.engine.images.conftest import engine
from tests.engine.images.engine import IMAGES, Engine, address, wait_for
from tests.engine.images.services import mounted
from tests.pulumi_engine import Pulumi, find_engine

__all__ = ["engine"]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Ends with this package: Playwright runs once at a time in a process, and tests/stack starts it too."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="session")
def dashboards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As the ConfigMap has them."""
    folder = tmp_path_factory.mktemp("dashboards")
    folder.chmod(0o755)
    for name, content in as_json().items():
        (folder / name).write_text(content)
        (folder / name).chmod(0o644)
    return folder


@pytest.fixture(scope="session")
def sample(engine: Engine, dashboards: Path) -> str:
    return serve_sample(engine, dashboards)


@pytest.fixture(scope="session")
def sample_alone(engine: Engine, dashboards: Path) -> str:
    """The same page where nobody answers what it asks."""
    return serve_sample(engine, dashboards, "down")


def serve_sample(engine: Engine, dashboards: Path, *more: str) -> str:
    container = engine.start(
        "status",
        entrypoint=["python", "/tests/sample.py", "/dashboards", *more],
        environment={"PYTHONPATH": "/app"},
        volumes={**mounted(IMAGES / "status" / "tests", "/tests"), **mounted(dashboards, "/dashboards")},
        ports={"8080/tcp": ("127.0.0.1", 0)},
    )
    url = address(container, 8080)
    wait_for(f"{url}/healthz", container)
    return url


@pytest.fixture(scope="package")
def world(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageWorld]:
    if find_engine() is None or not control_plane.is_ready():
        pytest.skip("needs pulumi and the local cluster; `make test` starts them where it can")
    core = client.CoreV1Api(config.new_client_from_config(str(paths.KUBECONFIG)))
    stack = Pulumi(tmp_path_factory.mktemp("status"), {"KUBECONFIG": str(paths.KUBECONFIG)})
    with on_the_node(engine) as images:
        world = PageWorld(core, images)
        try:
            with stack:
                world.up(stack)
                world.populate()
                yield world
        finally:
            world.remove_node()

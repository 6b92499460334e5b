"""Monitoring as the platform's own component makes it, once for all tests on the cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from docker import DockerClient
from docker.errors import DockerException, ImageNotFound
from kubernetes import client, config

from common import paths
from infra.catalogue.images import PROMETHEUS
from offline import docker_engine
from offline.base_image import IMAGE
from offline.cluster import control_plane
from tests.cluster.monitoring.images import built, provide
from tests.cluster.monitoring.tools import Promtool
from tests.cluster.monitoring.world import World
from tests.pulumi_engine import Pulumi, find_engine


@pytest.fixture(scope="session")
def engine() -> DockerClient:
    if docker_engine.host() is None:
        pytest.skip("needs a Docker engine; `make test` starts one where it can")
    client = docker_engine.client()
    try:
        client.images.get(IMAGE)
    except (ImageNotFound, DockerException):
        pytest.skip(f"needs the base image {IMAGE}; `make test` makes it")
    return client


@pytest.fixture
def promtool(engine: DockerClient, tmp_path: Path) -> Promtool:
    tmp_path.chmod(0o755)
    return Promtool(engine, built(engine, PROMETHEUS), tmp_path)


@pytest.fixture(scope="package")
def world(engine: DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    if not control_plane.is_ready():
        pytest.skip("the local cluster does not run; `make test` starts it where it can")
    if find_engine() is None:
        pytest.skip("no pulumi on this machine: set ML_PLATFORM_BIN to the folder that holds it")
    core = client.CoreV1Api(config.new_client_from_config(str(paths.KUBECONFIG)))
    world = World(core, provide(engine))
    stack = Pulumi(tmp_path_factory.mktemp("monitoring"), {"KUBECONFIG": str(paths.KUBECONFIG)})
    try:
        with stack:
            world.up(stack)
            world.populate()
            world.serve()
            with world.asked():
                yield world
    finally:
        world.remove_node()

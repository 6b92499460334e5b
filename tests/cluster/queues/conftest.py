"""Kueue as the platform's own components install it, once for all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from docker import DockerClient
from kubernetes import client

from common import paths
from infra.catalogue.images import JOBSET, KUEUE
from infra.catalogue.names import POOL_LABEL, SIMULATED_LABEL, STACK_LABEL
from tests.cluster.monitoring.conftest import engine
from tests.cluster.monitoring.images import provide
from tests.cluster.queues.node import Node, node
from tests.cluster.queues.world import GPUS, World
from tests.pulumi_engine import Pulumi, find_engine

__all__ = ["engine"]


@pytest.fixture(scope="package")
def world(engine: DockerClient, core: client.CoreV1Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    if find_engine() is None:
        pytest.skip("no pulumi on this machine: set ML_PLATFORM_BIN to the folder that holds it")
    stack = Pulumi(tmp_path_factory.mktemp("queues"), {"KUBECONFIG": str(paths.KUBECONFIG)})
    found = World(core, provide(engine, [KUEUE, JOBSET]), stack)
    with stack:
        found.declare()
        stack.up()
        yield found


@pytest.fixture(scope="package")
def gpu_node(world: World) -> Iterator[Node]:
    marks = {POOL_LABEL: world.pool, SIMULATED_LABEL: "true", STACK_LABEL: world.name}
    with node(world.api, world.pool, marks, GPUS) as found:
        yield found


@pytest.fixture
def gpus(world: World, gpu_node: Node) -> Iterator[Node]:
    """All of them are idle."""
    world.clear(gpu_node)
    yield gpu_node
    world.clear(gpu_node)

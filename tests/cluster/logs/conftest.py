"""The log store, once for all tests on it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from docker import DockerClient
from kubernetes import client, config

from common import paths
from infra.catalogue.images import LOGS
from offline.cluster import control_plane, node
from tests.cluster.logs.world import World
from tests.cluster.monitoring.conftest import engine
from tests.cluster.monitoring.images import provide
from tests.pulumi_engine import Pulumi, find_engine

__all__ = ["engine"]


@pytest.fixture(scope="package")
def world(engine: DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    if find_engine() is None or not control_plane.is_ready():
        pytest.skip("needs pulumi and the local cluster; `make test` starts them where it can")
    core = client.CoreV1Api(config.new_client_from_config(str(paths.KUBECONFIG)))
    found = World(core, provide(engine, [LOGS])[LOGS], tmp_path_factory.mktemp("people"))
    try:
        with Pulumi(tmp_path_factory.mktemp("logs"), {"KUBECONFIG": str(paths.KUBECONFIG)}) as stack:
            found.up(stack)
            yield found
    finally:
        shutil.rmtree(node.LOG_COLLECTOR / found.namespace, ignore_errors=True)

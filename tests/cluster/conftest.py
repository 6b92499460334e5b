"""Fixtures for tests on the local cluster: real containers on its real node."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from kubernetes import client, config

from common import paths
from offline.cluster import control_plane
from tests.cluster_use import cluster_in_use
from tests.waiting import eventually


@pytest.fixture(scope="package", autouse=True)
def _running_cluster() -> Iterator[None]:
    with cluster_in_use():
        if not control_plane.is_ready():
            pytest.skip("the local cluster does not run; `make test` starts it where it can")
        yield


@pytest.fixture(scope="session")
def core() -> client.CoreV1Api:
    return client.CoreV1Api(config.new_client_from_config(str(paths.KUBECONFIG)))


@pytest.fixture
def namespace(core: client.CoreV1Api) -> Iterator[str]:
    """A namespace for one test."""
    name = f"test-{uuid4().hex[:8]}"
    core.create_namespace({"metadata": {"name": name}})
    # pods may be created once their service account is there
    eventually(lambda: core.list_namespaced_service_account(name).items, what="the default service account")
    yield name
    core.delete_namespace(name, grace_period_seconds=0)

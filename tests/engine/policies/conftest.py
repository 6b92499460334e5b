"""One stack for all previews with the pack: they change nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.pulumi_engine import Pulumi, find_engine, remove_installation


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pulumi]:
    if find_engine() is None:
        pytest.skip("no pulumi on this machine: set ML_PLATFORM_BIN to the folder that holds it")
    root = tmp_path_factory.mktemp("policies")
    with Pulumi(root, settings={"KUBECONFIG": "/nonexistent/kubeconfig"}) as pulumi:
        yield pulumi
    remove_installation()

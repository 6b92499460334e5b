"""The whole dev stack once more, beside any other on this machine: other namespaces, pools and registry port."""

import secrets
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client, config
from playwright.sync_api import Browser

from common import daemons, paths
from infra.catalogue.names import local_registry
from offline import docker_engine
from offline.cluster import containers, control_plane, gateways
from offline.cluster.addresses import NODE_NAME
from tests.cluster.status_page.browser import chromium
from tests.examples import DEV
from tests.ports import free_port
from tests.pulumi_engine import Pulumi, find_engine, remove_installation

PROJECT = "ml-platform"
STACK = "test"
NAMESPACE = "trial-platform"
TEAM = "trial"
GIVEN, GIVEN_VALUE = "given", f"given-{secrets.token_hex(16)}"
"""A secret whose value somebody has set in the stack's settings, and a job reads."""
DECOY = f"decoy-{secrets.token_hex(16)}"
"""A word that is no secret, and lies in the state as a secret must not."""
OWNED = ("secrets", "models", "training", "serving")
PARTS = ("__main__.py", "Pulumi.yaml", "versions.toml", "infra", "images")


@pytest.fixture(scope="session")
def core() -> client.CoreV1Api:
    return client.CoreV1Api(config.new_client_from_config(str(paths.KUBECONFIG)))


@pytest.fixture(scope="session")
def apps() -> client.AppsV1Api:
    return client.AppsV1Api(config.new_client_from_config(str(paths.KUBECONFIG)))


@pytest.fixture(scope="session")
def registry_port() -> int:
    return free_port(beside=2)  # of its metrics, and of the object store


@pytest.fixture
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory, registry_port: int) -> Iterator[Pulumi]:
    """A copy of the project with a stack of its own, destroyed at the end whatever happened."""
    if find_engine() is None or docker_engine.host() is None or not control_plane.is_ready():
        pytest.skip("needs pulumi, a Docker engine and the local cluster; `make test` starts them where it can")
    _clear_killed_run()
    containers.trust_registry(registry_port)
    gateway = gateways.to_loopback(registry_port + 1)
    gateway.start()
    stack = Pulumi(tmp_path_factory.mktemp("trial"), {"KUBECONFIG": str(paths.KUBECONFIG)}, project=PROJECT)
    copy_project(stack.folder)
    (stack.folder / f"Pulumi.{STACK}.yaml").write_text(yaml.safe_dump(_declaration(registry_port)))
    try:
        with stack:
            stack.run("config", "set", "--secret", GIVEN, GIVEN_VALUE)
            yield stack
    finally:
        daemons.stop(gateway.name)
        remove_installation()


def _clear_killed_run() -> None:
    """What a killed run left behind: containers and volumes whose names could not be taken again, a drained node."""
    core = client.CoreV1Api(config.new_client_from_config(str(paths.KUBECONFIG)))
    core.patch_node(NODE_NAME, {"spec": {"unschedulable": None}})
    engine = docker_engine.client()
    for container in engine.containers.list(all=True, filters={"name": f"{NAMESPACE}-"}):
        container.remove(force=True, v=True)
    for volume in engine.volumes.list(filters={"name": f"{NAMESPACE}-"}):
        if volume.name != local_registry(NAMESPACE):  # stays, and is used again
            volume.remove(force=True)


def copy_project(folder: Path) -> None:
    """What the program needs of this project."""
    for part in PARTS:
        source = paths.REPOSITORY / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder)
    point_at_this_python(folder / "Pulumi.yaml")


def point_at_this_python(project: Path) -> None:
    """Run the copied project with the interpreter that runs the tests."""
    document = yaml.safe_load(project.read_text())
    document["runtime"]["options"] = {"virtualenv": sys.prefix}
    project.write_text(yaml.safe_dump(document))


def _ask_for_little(platform: dict[str, Any]) -> None:
    """So that both stacks fit on one small machine; nothing of what they do depends on it."""
    for workload in [*platform["serving"].values(), platform["training"]["digits"]]:
        workload["resources"] = {"cpu": "100m", "memory": "768Mi"}
    platform["tracking"] = {"resources": {"cpu": "100m", "memory": "1Gi"}}
    platform["monitoring"] = {"cpu": "50m", "scrapeInterval": "5s"}


def _declaration(registry_port: int) -> dict[str, Any]:
    """The dev example with names that no other stack uses."""
    document: dict[str, Any] = yaml.safe_load(DEV.read_text())
    platform = document["config"]["ml-platform:platform"]
    platform["foundation"]["local"]["registryPort"] = registry_port
    platform["gateway"]["local"] = {"httpsPort": free_port(), "httpPort": free_port()}
    platform["namespace"] = NAMESPACE
    quota = next(iter(platform["teams"].values()))["quota"]
    platform["teams"] = {TEAM: {"quota": {**quota, "storage": "2Gi"}}}
    _ask_for_little(platform)
    platform["nodePools"] = {"trialgpu": next(iter(platform["nodePools"].values()))}
    platform["secrets"][GIVEN] = {}
    platform["training"]["digits"]["secrets"] = [GIVEN]
    platform["training"]["digits-gpu"]["args"] = [f"--note={DECOY}"]
    for owned in [item for part in OWNED for item in platform[part].values()]:
        owned["team"] = TEAM
        if "pool" in owned:
            owned["pool"] = "trialgpu"
    return document

"""Every panel of every dashboard has something to show on the stack that this machine runs."""

from __future__ import annotations

import time

import pytest
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from rich.console import Console
from rich.table import Table

from tests.status_page.panels import Answer, answers
from workstation import paths, stack
from workstation.cluster import control_plane
from workstation.errors import WorkstationError
from workstation.prediction import Endpoint

STACK = "dev"
SECONDS = 420
"""In which rates must be there: they look back over five minutes and need two scrapes."""


@pytest.fixture(scope="module")
def core() -> client.CoreV1Api:
    if not control_plane.is_ready() or not stack.exists(STACK) or not stack.outputs(STACK):
        pytest.skip(f"stack {STACK} is not up on this machine; `make up` brings it up")
    return client.CoreV1Api(config.new_client_from_config(str(paths.KUBECONFIG)))


def address(core: client.CoreV1Api, namespace: str, service: str) -> str:
    """In the cluster, whose services this machine reaches."""
    found = core.read_namespaced_service(service, namespace).spec
    return f"http://{found.cluster_ip}:{found.ports[0].port}"


@pytest.fixture(scope="module")
def prometheus(core: client.CoreV1Api) -> str:
    try:
        return address(core, stack.outputs(STACK)["namespace"], "prometheus")
    except ApiException as error:
        assert error.status == 404
        pytest.skip(f"stack {STACK} has no Prometheus yet; `make up` brings it up")


@pytest.fixture(scope="module")
def endpoints(core: client.CoreV1Api) -> dict[str, Endpoint]:
    """By the model that they serve."""
    found = stack.outputs(STACK, reveal=True)["endpoints"].values()
    return {
        each["model"]: Endpoint(address(core, each["namespace"], each["service"]), each["api_key"]) for each in found
    }


def test_no_panel_is_empty(prometheus: str, endpoints: dict[str, Endpoint]) -> None:
    """Endpoints are asked meanwhile: without requests there is no time to an answer."""
    deadline = time.monotonic() + SECONDS
    while True:
        for model, endpoint in endpoints.items():
            ask(endpoint, model)
        found = list(answers(prometheus))
        empty = [each for each in found if not each.series]
        if not empty or time.monotonic() > deadline:
            break
        time.sleep(5)
    show(found)
    print(f"{len(found)} queries of {len({(each.dashboard, each.panel) for each in found})} panels, {len(empty)} empty")
    assert len(found) > 40
    assert [(each.dashboard, each.panel) for each in empty] == []


def ask(endpoint: Endpoint, model: str) -> None:
    """A request that the model refuses is answered too."""
    try:
        endpoint.ask("POST", f"/v2/models/{model}/infer", json={"inputs": []})
    except WorkstationError:
        return


def show(found: list[Answer]) -> None:
    table = Table("dashboard", "panel", "series")
    for each in found:
        table.add_row(each.dashboard, each.panel, str(each.series))
    Console(width=100).print(table)

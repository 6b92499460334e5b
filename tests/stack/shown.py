"""What monitoring shows of a stack that lives, and taking that stack's whole cluster down and up again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import requests
from kubernetes import client
from playwright.sync_api import Browser, Error
from rich.console import Console
from rich.table import Table

from cli.forward import forward
from cli.prediction import Endpoint
from cli.stack import environment
from common.errors import CommandError
from offline.cluster import control_plane, gateways, lifecycle
from offline.cluster.addresses import CONTEXT
from tests.cluster.status_page.browser import Visit, visit
from tests.cluster.status_page.panels import Answer, answers
from tests.cluster_use import cluster_in_use
from tests.waiting import eventually

STEADY = ("Endpoints", "Firing alerts", "Platform components")
"""Sections of the page that say the same as long as all is well."""
BETWEEN_JOBS = 45
SLOW = "100m"
"""Of a core: half a minute for what takes four seconds."""
UNMEASURED = "no server reports a version"
"""Of an endpoint, until Prometheus has asked its pods once."""
PATIENCE = 420
"""Seconds in which rates must be there, which look back over five minutes and need two scrapes."""


def all_panels(prometheus: str, endpoint: Endpoint, model: str, train: Callable[[], object]) -> list[Answer]:
    """Of every query, as soon as none is empty.

    Meanwhile the endpoint is asked, for without that there is no time to answer, and a job runs again and again, for
    one of some seconds can end between two looks at it.
    """
    deadline, next_job = time.monotonic() + PATIENCE, 0.0
    while True:
        if time.monotonic() > next_job:
            train()
            next_job = time.monotonic() + BETWEEN_JOBS
        with suppress(CommandError, requests.RequestException):  # what the model refuses is answered too
            endpoint.ask("POST", f"/v2/models/{model}/infer", json={"inputs": []})
        found = list(answers(prometheus))
        if all(each.series for each in found) or time.monotonic() > deadline:
            return found
        time.sleep(5)


def tell(found: list[Answer]) -> str:
    """How many there are, in a line; all of them are in the test's output."""
    table = Table("dashboard", "panel", "series")
    for each in found:
        table.add_row(each.dashboard, each.panel, str(each.series))
    Console(width=100).print(table)
    panels, empty = {(each.dashboard, each.panel) for each in found}, [each for each in found if not each.series]
    return f"{len(found)} queries of {len(panels)} panels, {len(empty)} empty"


@contextmanager
def open_page(browser: Browser, page: dict[str, Any]) -> Iterator[Visit]:
    """As a person gets it, with the login that the stack gave."""
    where, login = (page["namespace"], page["service"], page["port"]), (page["username"], page["password"])
    with forward(*where, CONTEXT, environment()) as address, visit(browser, address, login) as seen:
        yield seen


def steady(browser: Browser, page: dict[str, Any]) -> dict[str, str]:
    """What the page says in its steady sections; nothing while somebody has not told it yet, or it isn't there."""
    try:
        with open_page(browser, page) as seen:
            incomplete = seen.page.get_by_role("region", name="Unavailable sources").count()
            said = {title: seen.section(title) for title in STEADY}
            return {} if incomplete or UNMEASURED in said["Endpoints"] else said
    except (CommandError, Error):
        return {}


def at_rest(browser: Browser, page: dict[str, Any]) -> dict[str, str]:
    """The same, but nothing unless both servers are ready and no alert fires, which would tell since when."""
    said = steady(browser, page)
    return said if said and "2 of 2 ready" in said["Endpoints"] and "None" in said["Firing alerts"] else {}


def steady_again(browser: Browser, page: dict[str, Any], before: dict[str, str], seconds: float) -> dict[str, str]:
    """What the page says as soon as it says the same as before, or else at the end."""
    deadline = time.monotonic() + seconds
    while (now := steady(browser, page)) != before and time.monotonic() < deadline:
        time.sleep(1)
    return now


def restart_cluster() -> float:
    """All of it: every container ends, and so does the control plane. When it was down, in seconds since 1970."""
    with cluster_in_use(alone=True):
        forwards = gateways.to_others()
        lifecycle.stop()
        down = time.time()
        assert not control_plane.is_ready()
        lifecycle.start(lambda _: None)
        for gateway in forwards:  # as `up` does for its own stack's
            gateway.start()
    return down


def train_again(api: client.ApiClient, job: dict[str, Any], *arguments: str) -> str:
    """The same once more, by hand and slowly, or with other arguments; its name.

    What a job tells of itself is there only while Prometheus sees it run, and this one is over in four seconds.
    """
    batch = client.BatchV1Api(api)
    spec = batch.read_namespaced_job(job["job"], job["namespace"]).spec
    labels = spec.template.metadata.labels.items()
    spec.selector, spec.manual_selector = None, None
    (container,) = spec.template.spec.containers
    container.resources.requests["cpu"] = container.resources.limits["cpu"] = SLOW
    container.args = list(arguments) or container.args
    spec.template.metadata.labels = {name: value for name, value in labels if name.startswith("app.kubernetes.io/")}
    metadata = {"generateName": f"{job['job']}-again-"}
    created = batch.create_namespaced_job(job["namespace"], {"metadata": metadata, "spec": spec})
    return str(created.metadata.name)


@contextmanager
def nothing_measures(api: client.ApiClient, namespace: str) -> Iterator[None]:
    """All of monitoring is gone meanwhile, as if it had failed at once."""
    apps, core = client.AppsV1Api(api), client.CoreV1Api(api)
    chosen = {"label_selector": "app.kubernetes.io/component=monitoring"}
    names = [each.metadata.name for each in apps.list_namespaced_deployment(namespace, **chosen).items]
    try:
        for name in names:
            apps.patch_namespaced_deployment_scale(name, namespace, {"spec": {"replicas": 0}})
        eventually(lambda: _of_deployments(core, namespace, chosen) == [], 120, "the end of monitoring's pods")
        yield
    finally:
        for name in names:
            apps.patch_namespaced_deployment_scale(name, namespace, {"spec": {"replicas": 1}})


def _of_deployments(core: client.CoreV1Api, namespace: str, chosen: dict[str, str]) -> list[str]:
    found = core.list_namespaced_pod(namespace, **chosen).items
    return [pod.metadata.name for pod in found if pod.metadata.owner_references[0].kind == "ReplicaSet"]


def all_started_after(moment: float, pods: Iterable[Any]) -> bool:
    """Whether every container is ready, and not just from before."""
    statuses = [status for pod in pods for status in pod.status.container_statuses]
    running = [status.state.running for status in statuses if status.ready and status.state.running]
    return len(running) == len(statuses) and all(each.started_at.timestamp() >= moment - 1 for each in running)


def number(prometheus: str) -> Callable[[str], float | None]:
    """The first number that a query finds."""

    def ask(query: str) -> float | None:
        try:
            answer = requests.get(f"{prometheus}/api/v1/query", params={"query": query}, timeout=30)
        except requests.RequestException:
            return None
        found = answer.json()["data"]["result"] if answer.ok else []
        return float(found[0]["value"][1]) if found else None

    return ask

"""The page in the real cluster: it asks the real Prometheus, Alertmanager and API server, as its own account."""

from __future__ import annotations

import re
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
import requests
from kubernetes import client
from kubernetes.client.exceptions import ApiException
from playwright.sync_api import Browser

from cli.status_html import fetch
from infra.catalogue.names import SIMULATED_LABEL
from tests.cluster.places import answers, pod
from tests.cluster.status_page.browser import visit
from tests.cluster.status_page.world import PageWorld
from tests.waiting import eventually

GREEDY = "greedy"
KUBELETS_LOOK = 240
"""Seconds: once a minute, and a busy machine."""


@pytest.fixture(scope="module", autouse=True)
def unplaceable(world: PageWorld) -> None:
    """A job that asks for more GPUs than any node has."""
    template = world.pod("x", "pass", {SIMULATED_LABEL: "true"}, restart="Never")
    amounts = {"cpu": "1", "memory": "64Mi", "nvidia.com/gpu": "16"}
    template["spec"]["containers"][0]["resources"] = {"requests": amounts, "limits": amounts}
    template["spec"]["nodeSelector"] = {SIMULATED_LABEL: "true"}
    template["spec"]["tolerations"] = [{"operator": "Exists"}]
    del template["metadata"]["name"]
    job = {"metadata": {"name": GREEDY}, "spec": {"template": template, "backoffLimit": 0}}
    client.BatchV1Api(world.core.api_client).create_namespaced_job(world.team, job)


def text(world: PageWorld) -> str:
    with world.page() as address:
        return fetch(address, *world.login)


def all_asked(page: str) -> bool:
    """Whether everybody answered and something has been measured."""
    return "Unavailable sources" not in page and "CPU in use, now: " in page


def summary(page: str) -> str:
    """The first words of the page, without markup; sources that do not answer come first."""
    return " ".join(re.sub(r"<[^>]+>", " ", page.partition("<main")[2]).split())[:600]


def test_it_shows_what_is_true_in_the_cluster(world: PageWorld, browser: Browser) -> None:
    eventually(lambda: "Insufficient nvidia.com/gpu" in text(world), 60, "the reason why the job waits")
    eventually(lambda: all_asked(text(world)), 180, "the first metrics", why=lambda: summary(text(world)))
    with world.page() as address, visit(browser, address, world.login) as seen:
        endpoints, jobs = seen.section("Endpoints"), seen.section("Jobs")
        parts, nodes = seen.section("Platform components"), seen.section("Nodes")
        assert "lost" in endpoints and "its Deployment is not in the cluster" in endpoints
        assert f"{GREEDY} simulated {world.team} ! waiting" in jobs and "16" in jobs
        assert "gone-12345678" in jobs and "declared, but not in the cluster" in jobs
        assert f"{world.gpu_node} simulated" in nodes
        for part in ("alertmanager", "kube-state-metrics", "node-exporter", "prometheus", "status"):
            assert f"{part} ✓ 1 of 1 ready" in parts
        assert seen.page.get_by_role("region", name="Unavailable sources").count() == 0
        assert seen.page.locator("svg[role=img]:visible").count() > 3
        assert (seen.serious(), seen.complaints) == ([], [])


def test_a_firing_alert_is_shown_with_its_runbook(world: PageWorld, browser: Browser) -> None:
    eventually(lambda: "GpuJobPending" in text(world), 180, "the alert about the job that waits")
    with world.page() as address, visit(browser, address, world.login) as seen:
        assert "docs/runbooks/GpuJobPending.md" in seen.section("Firing alerts")


def accounts(world: PageWorld, space: str) -> list[Any]:
    return list(world.core.list_namespaced_service_account(space).items)


def test_nobody_else_reaches_it_and_nobody_gets_in_without_the_login(world: PageWorld) -> None:
    stranger = f"stranger-{uuid4().hex[:6]}"
    inside = str(world.core.read_namespaced_service("status", world.platform).spec.cluster_ip)
    world.core.create_namespace({"metadata": {"name": stranger}})
    try:
        for space in (stranger, world.platform):
            eventually(partial(accounts, world, space))
            world.core.create_namespaced_pod(space, pod("asks", "exec /busybox sleep 600", {"app": "asks"}))
            eventually(partial(running, world, space), 60, f"the pod in {space}")
        neighbour = partial(answers, world.core, world.platform, "asks", inside, 8080)
        eventually(neighbour, what="its neighbours to reach it")
        assert not answers(world.core, stranger, "asks", inside, 8080)
    finally:
        world.core.delete_namespaced_pod("asks", world.platform, grace_period_seconds=0)
        world.core.delete_namespace(stranger, grace_period_seconds=0)
    with world.page() as address:
        assert requests.get(f"{address}/snapshot", timeout=20).status_code == 401
        assert requests.get(f"{address}/snapshot", auth=("admin", "guess"), timeout=20).status_code == 401


def running(world: PageWorld, space: str) -> bool:
    return bool(world.core.read_namespaced_pod("asks", space).status.phase == "Running")


@pytest.mark.parametrize(
    ("verb", "group", "resource", "everywhere", "allowed"),
    [
        ("list", "", "pods", False, True),
        ("list", "batch", "jobs", False, True),
        ("list", "", "nodes", True, True),
        ("list", "", "pods", True, False),
        ("list", "", "secrets", False, False),
        ("get", "", "secrets", False, False),
        ("list", "", "configmaps", False, False),
        ("create", "", "pods", False, False),
        ("delete", "", "pods", False, False),
    ],
)
def test_its_account_may_list_what_it_shows_and_no_more(
    world: PageWorld, verb: str, group: str, resource: str, everywhere: bool, allowed: bool
) -> None:
    review = {
        "spec": {
            "user": f"system:serviceaccount:{world.platform}:status",
            "resourceAttributes": {
                "verb": verb,
                "group": group,
                "resource": resource,
                **({} if everywhere else {"namespace": world.team}),
            },
        }
    }
    found = client.AuthorizationV1Api(world.core.api_client).create_subject_access_review(review)
    assert found.status.allowed is allowed


def test_without_prometheus_it_still_answers_and_says_so(world: PageWorld) -> None:
    apps = client.AppsV1Api(world.core.api_client)
    scale = {"spec": {"replicas": 0}}
    apps.patch_namespaced_deployment_scale("prometheus", world.platform, scale)
    try:
        eventually(
            lambda: "Prometheus can" in text(world) or "Prometheus did not" in text(world), 60, "the page's word"
        )
        assert "prometheus" in text(world) and GREEDY in text(world)
    finally:
        apps.patch_namespaced_deployment_scale("prometheus", world.platform, {"spec": {"replicas": 1}})
    eventually(lambda: all_asked(text(world)), 240, "Prometheus's return", why=lambda: summary(text(world)))


def alone(page: str) -> str:
    """The page, if Prometheus is missing there."""
    return page if "Prometheus can" in page or "Prometheus did not" in page else ""


def test_a_renewal_refuses_nobody_and_in_the_end_the_old_login_without_a_new_pod(world: PageWorld) -> None:
    first, before = world.login, [pod.metadata.name for pod in pods(world)]
    for _ in range(2):
        world.renew()
        eventually(lambda: opens(world, world.login), KUBELETS_LOOK, "the renewed password")
    assert world.login != first
    eventually(lambda: not opens(world, first), KUBELETS_LOOK, "the end of the old password")
    assert [pod.metadata.name for pod in pods(world)] == before


def opens(world: PageWorld, login: tuple[str, str]) -> bool:
    with world.page() as address:
        return requests.get(f"{address}/snapshot", auth=login, timeout=60).ok


def test_a_new_pod_of_the_page_says_the_same(world: PageWorld) -> None:
    before = {pod.metadata.name for pod in pods(world)}
    for name in before:
        world.core.delete_namespaced_pod(name, world.platform, grace_period_seconds=0)
    eventually(lambda: any(pod.metadata.name not in before and is_ready(pod) for pod in pods(world)), 90, "a new pod")
    eventually(lambda: GREEDY in answer(world), 60, "the page")


def pods(world: PageWorld) -> list[client.V1Pod]:
    found: list[client.V1Pod] = world.core.list_namespaced_pod(
        world.platform, label_selector="app.kubernetes.io/name=status"
    ).items
    return found


def is_ready(pod: client.V1Pod) -> bool:
    return any(each.type == "Ready" and each.status == "True" for each in pod.status.conditions or [])


def answer(world: PageWorld) -> str:
    """Nothing while the service still leads to the pod that is gone."""
    from common.errors import CommandError

    try:
        return text(world)
    except (CommandError, ApiException):
        return ""

"""The dev stack's life on a real engine, registry and cluster: up, unchanged, changed, destroyed.

The tests stand in the order of that life and share one stack.
"""

import re
import secrets
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import docker
import pytest
import requests
import urllib3
import yaml
from kubernetes import client
from playwright.sync_api import Browser

from cli.by_hand.edits import find, undo
from cli.by_hand.revealed import revealed
from cli.drift import objects
from cli.prediction import CHAMPION, Endpoint, Tracking, score
from cli.rotate import Cluster, Key, accepted, count, renew
from cli.stack import environment
from cli.traffic_split import traffic_split
from common.console import Progress
from infra.catalogue.images import REGISTRY, STATUS, TRACKING
from infra.catalogue.names import local_registry
from infra.declaration.loader import load
from infra.secrets.derive import derived_password
from offline import docker_engine
from offline.cluster.addresses import CONTEXT, NODE_NAME
from tests.logged_model import get
from tests.pulumi_engine import Pulumi
from tests.stack import decoys, leaks, shown
from tests.stack.callers import Caller, answered_by, answered_by_pods, compared_by
from tests.stack.conftest import DECOY, GIVEN, GIVEN_VALUE, NAMESPACE, STACK, TEAM
from tests.stack.controllers import require_rollback_only, require_scaling_only
from tests.stack.drains import drain_node
from tests.stack.hand_edits import EDITS, SYSTEM, kubectl, unnamed
from tests.stack.loops import counting_requests
from tests.stack.submitted import (
    ENDS,
    FAILS,
    SLEEPS,
    declare,
    evict,
    has_failed,
    more_jobs,
    running,
    saved_by,
    start,
    status,
    succeeded,
    version,
)
from tests.waiting import eventually

SYSTEM_NAMESPACES = ("trial-platform", TEAM)
BY_HAND = "by-hand"
CHANGED_VALUE = "changed-by-hand"
POOR = Path(__file__).parent / "poor"
"""The image of a server that fails or is slow, by the version of its model."""
FAILING, SLOW = 1, 2
COLD_STARTS, AT_ONCE = 3, 16
EVICTIONS = 3
"""Of a run without retries. Kubernetes waits before each new pod: ten seconds, and then twice as long as before."""
RENEWED = (REGISTRY, STATUS, TRACKING, "digits-key")


def address(core: client.CoreV1Api, output: dict[str, Any]) -> str:
    """A service's address in the cluster, which this machine's own kube-proxy serves."""
    service = core.read_namespaced_service(output["service"], output["namespace"])
    return f"http://{service.spec.cluster_ip}:{output['port']}"


def answers(endpoint: str) -> bool:
    try:
        return requests.get(f"{endpoint}/v2/health/ready", timeout=30).ok
    except requests.RequestException:
        return False


def pods(core: client.CoreV1Api, **chosen: str) -> list[Any]:
    return [pod for namespace in SYSTEM_NAMESPACES for pod in core.list_namespaced_pod(namespace, **chosen).items]


@pytest.fixture(scope="module")
def outputs(trial: Pulumi) -> dict[str, Any]:
    """What the first `up` gave."""
    return trial.up().outputs


def test_the_endpoint_serves_the_first_champion_soon_after_training(
    core: client.CoreV1Api, outputs: dict[str, Any]
) -> None:
    """`up` has ended: it awaits neither the run nor the champion."""
    served = outputs["endpoints"]["digits"]
    endpoint, deployed = Endpoint(address(core, served), served["api_key"]), datetime.now(UTC)
    ended = eventually(lambda: status(core, outputs["jobs"]["digits"]).completion_time, 300, "the end of training")
    eventually(lambda: version(endpoint, "digits"), 60, "the first champion to be served")
    # Images that are built for the first time may take longer than the run.
    waited = (datetime.now(UTC) - max(ended, deployed)).total_seconds()
    print(f"the first champion was served {waited:.0f} s after the end of its run")
    assert waited < 30


def test_the_endpoint_answers_samples_that_training_never_saw(core: client.CoreV1Api, outputs: dict[str, Any]) -> None:
    server = outputs["tracking"]
    tracking = Tracking(address(core, server), server["username"], server["password"])
    served = outputs["endpoints"]["digits"]
    endpoint = Endpoint(address(core, served), served["api_key"])
    eventually(lambda: answers(endpoint.address), what="kube-proxy to know the new service")
    assert score(endpoint, "digits", tracking).accuracy > 0.95


def test_every_pod_runs_an_image_by_digest_from_the_private_registry(
    core: client.CoreV1Api, outputs: dict[str, Any]
) -> None:
    images = [container.image for pod in pods(core) for container in pod.spec.containers]
    prefix = f"{outputs['registry']['address']}/ml-platform/"
    assert images
    assert [image for image in images if not (image.startswith(prefix) and "@sha256:" in image)] == []


def test_the_registry_refuses_whoever_has_no_password(outputs: dict[str, Any]) -> None:
    registry = outputs["registry"]
    url = f"http://{registry['address']}/v2/ml-platform/serving/tags/list"
    assert requests.get(url, timeout=30).status_code == 401
    assert requests.get(url, auth=(registry["username"], "wrong"), timeout=30).status_code == 401
    assert requests.get(url, auth=(registry["username"], registry["password"]), timeout=30).status_code == 200


def test_the_gpu_job_is_placed_on_a_simulated_node_and_marked(core: client.CoreV1Api, outputs: dict[str, Any]) -> None:
    on_simulated = [pod for pod in pods(core) if (pod.spec.node_name or "").startswith("trialgpu-")]
    assert [pod.metadata.labels["ml-platform.io/simulated"] for pod in on_simulated] == ["true"]
    assert outputs["jobs"]["digits-gpu"]["simulated"]
    others = [pod for pod in pods(core) if pod not in on_simulated]
    assert [pod.metadata.name for pod in others if "ml-platform.io/simulated" in pod.metadata.labels] == []


def test_the_status_page_stays_right_when_the_cluster_restarts(
    core: client.CoreV1Api, outputs: dict[str, Any], browser: Browser
) -> None:
    page, number = outputs["status"], shown.number(prometheus(core, outputs))
    before = eventually(lambda: shown.at_rest(browser, page), 240, "a page on which all is well")
    down = shown.restart_cluster()
    running = {"field_selector": "status.phase=Running,spec.nodeName=" + NODE_NAME}
    eventually(lambda: shown.all_started_after(down, pods(core, **running)), 300, "the containers")
    asked = 'up{job!="training"}'  # of a job that has ended there may be a last word
    fresh = f"min(timestamp({asked})) > {down:.0f} and min({asked}) == 1"
    eventually(lambda: number(fresh), 120, "fresh metrics")
    assert shown.steady_again(browser, page, before, 420) == before
    for moment in (down, time.time()):
        assert number(f'count_over_time(up{{job="prometheus"}}[1m] @ {moment:.0f})'), "a hole in the charts"
    with shown.open_page(browser, page) as seen:
        assert seen.page.locator("svg[role=img]:visible").count() > 3
        assert (seen.serious(), seen.complaints) == ([], [])


def prometheus(core: client.CoreV1Api, outputs: dict[str, Any]) -> str:
    return address(core, {"service": "prometheus", "namespace": outputs["namespace"], "port": 9090})


def test_no_panel_of_a_dashboard_is_empty(
    core: client.CoreV1Api, outputs: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    served = outputs["endpoints"]["digits"]
    endpoint = Endpoint(address(core, served), served["api_key"])
    train = partial(shown.train_again, core.api_client, outputs["jobs"]["digits"])
    found = shown.all_panels(prometheus(core, outputs), endpoint, "digits", train)
    said = shown.tell(found)
    with capsys.disabled():
        print(said)
    assert len(found) > 40
    assert [(each.dashboard, each.panel) for each in found if not each.series] == []


def test_up_again_changes_nothing(trial: Pulumi, outputs: dict[str, Any]) -> None:
    changes = trial.up().changes()
    assert set(changes) == {"unchanged"}
    assert trial.preview("--expect-no-changes").code == 0


def test_what_was_changed_by_hand_is_named_and_put_right_by_one_up(
    core: client.CoreV1Api, apps: client.AppsV1Api, trial: Pulumi, outputs: dict[str, Any]
) -> None:
    """And replicas that an autoscaler has set stay. `make drift` names the same, and nothing else."""
    assert objects.find(core.api_client, trial.revealed(), STACK) == []
    for command in EDITS.values():
        kubectl(*command)
    core.patch_namespaced_secret(GIVEN, TEAM, {"stringData": {"value": CHANGED_VALUE}})
    core.create_namespaced_secret(TEAM, {"metadata": {"name": "somebody-elses"}, "stringData": {"value": "x"}})
    kubectl("-n", SYSTEM, "autoscale", "deployment", "status", "--min=2", "--max=2")
    eventually(lambda: apps.read_namespaced_deployment("status", SYSTEM).spec.replicas == 2, what="the autoscaler")
    drift = objects.find(core.api_client, trial.revealed(), STACK)
    assert {each.object for each in drift} == {*(edit.partition(": ")[0] for edit in EDITS), f"Secret {TEAM}/{GIVEN}"}
    assert not any(value in str(drift) for value in (GIVEN_VALUE, CHANGED_VALUE))
    core.delete_namespaced_secret("somebody-elses", TEAM)
    edits = find(core.api_client, revealed(trial.revealed()))
    assert unnamed(map(str, edits)) == []
    assert not any(str(edit).startswith(f"Deployment {SYSTEM}/status:") for edit in edits)
    undo(core.api_client, edits)
    trial.refresh(*(part for edit in edits for part in ("--target", edit.urn)))
    trial.up()
    assert objects.find(core.api_client, trial.revealed(), STACK) == []
    assert set(trial.up().changes()) == {"unchanged"}
    assert apps.read_namespaced_deployment("status", SYSTEM).spec.replicas == 2
    kubectl("-n", SYSTEM, "delete", "horizontalpodautoscaler", "status")
    kubectl("-n", SYSTEM, "scale", "deployment", "status", "--replicas=1")
    named = "app.kubernetes.io/name=status"
    eventually(lambda: len(core.list_namespaced_pod(SYSTEM, label_selector=named).items) == 1, 120, "one page again")
    eventually(lambda: not any(pod.metadata.deletion_timestamp for pod in pods(core)), 120, "old pods to end")


def test_a_changed_line_rolls_one_deployment_and_loses_no_request(
    core: client.CoreV1Api, trial: Pulumi, outputs: dict[str, Any]
) -> None:
    before = {pod.metadata.name for pod in pods(core)}
    with (trial.folder / "images" / "serving" / "serving" / "__main__.py").open("a") as code:
        code.write("# a changed line\n")
    url = f"{address(core, outputs['endpoints']['digits'])}/v2/models/digits/ready"
    key = {"Authorization": f"Bearer {outputs['endpoints']['digits']['api_key']}"}
    with counting_requests(lambda: requests.get(url, headers=key, timeout=30)) as answers:
        changed = trial.up()
        eventually(lambda: old_serving_pods(core, before) == [], 90, "the end of the old pods")
    assert set(answers) == {200}, answers
    assert answers[200] > 50
    updated = [line.split()[1] for line in changed.text.splitlines() if " updated (" in line]
    assert sorted(updated) == ["docker:index:Image", "kubernetes:apps/v1:Deployment"], changed.text
    after = {pod.metadata.name for pod in pods(core)}
    assert {name for name in before - after if not name.startswith("digits-")} == set()


@pytest.mark.usefixtures("two_versions")
def test_one_line_takes_an_endpoint_back_to_an_earlier_version_and_loses_no_request(
    core: client.CoreV1Api, trial: Pulumi, endpoint: Endpoint
) -> None:
    before = {pod.metadata.name for pod in pods(core)}
    url, key = f"{endpoint.address}/v2/models/digits/ready", {"Authorization": f"Bearer {endpoint.api_key}"}
    stack_file = trial.folder / f"Pulumi.{STACK}.yaml"
    declared = stack_file.read_text()
    try:
        settings = yaml.safe_load(declared)["config"]["ml-platform:platform"]["serving"]["digits"]
        declare(trial, serving={"digits": {**settings, "version": 1}})
        with counting_requests(lambda: requests.get(url, headers=key, timeout=30)) as answers:
            assert trial.up().outputs["endpoints"]["digits"]["version"] == 1
            eventually(lambda: old_serving_pods(core, before) == [], 90, "the end of the old pods")
        assert set(answers) == {200}, answers
        assert version(endpoint, "digits") == "1"
    finally:
        stack_file.write_text(declared)


@pytest.fixture(scope="module")
def endpoint(core: client.CoreV1Api, outputs: dict[str, Any]) -> Endpoint:
    """The served one, in the cluster, once it answers."""
    served = outputs["endpoints"]["digits"]
    found = Endpoint(address(core, served), served["api_key"])
    eventually(lambda: version(found, "digits"), 300, "the first champion to be served")
    return found


@pytest.fixture(scope="module")
def two_versions(core: client.CoreV1Api, outputs: dict[str, Any], endpoint: Endpoint) -> None:
    """The champion is another version than the first."""
    # One of its pods may have loaded the first while another one has not.
    if eventually(lambda: version(endpoint, "digits"), 60, "a model that is loaded") == "1":
        shown.train_again(core.api_client, outputs["jobs"]["digits"])
    eventually(lambda: later_version(endpoint), 240, "the next champion to be served")


def later_version(endpoint: Endpoint) -> str:
    """The one that is served; nothing while that is the first."""
    served = version(endpoint, "digits")
    return "" if served == "1" else served


@pytest.fixture
def caller(core: client.CoreV1Api, outputs: dict[str, Any], endpoint: Endpoint) -> Iterator[Caller]:
    """Somebody outside the cluster."""
    served = outputs["endpoints"]["digits"]
    service = core.read_namespaced_service("envoy", f"{NAMESPACE}-gateway")
    key = {"Authorization": f"Bearer {served['api_key']}"}
    found = Caller(service.spec.cluster_ip, served["url"], outputs["gateway"]["trusted"], key)
    yield found
    found.close()


def test_an_exposed_endpoint_answers_those_outside_who_have_a_key(
    caller: Caller, outputs: dict[str, Any], core: client.CoreV1Api
) -> None:
    path = "/v2/models/digits"
    answer = caller.get(path)
    assert (answer.status, answer.json()["name"]) == (200, "digits")
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    assert caller.get(path, Authorization="Bearer wrong").status == 401
    inside = ("/metrics", "/v2/../metrics", "/shadow/answers", "/v2/../shadow/answers", "/")
    assert {each: caller.get(each).status for each in inside} == dict.fromkeys(inside, 404)
    redirect = caller.get_plain(f"{path}?a=b")
    assert (redirect.status, redirect.headers["location"]) == (
        301,
        f"{outputs['endpoints']['digits']['url']}{path}?a=b",
    )
    assert caller.get(path, Host="other.localhost", **caller.headers).status == 404
    service = core.read_namespaced_service("envoy", f"{NAMESPACE}-gateway")
    stranger = Caller(service.spec.cluster_ip, "https://other.localhost", outputs["gateway"]["trusted"], {})
    with pytest.raises(urllib3.exceptions.SSLError, match=r"hostname 'other\.localhost' doesn't match"):
        stranger.get(path)
    stranger.close()


def test_pages_of_the_platform_are_reached_by_their_hosts_with_their_logins(
    core: client.CoreV1Api, outputs: dict[str, Any]
) -> None:
    service = core.read_namespaced_service("envoy", f"{NAMESPACE}-gateway")
    for name in ("tracking", "status"):
        login = urllib3.make_headers(basic_auth=f"{outputs[name]['username']}:{outputs[name]['password']}")
        key = {"Authorization": login["authorization"]}
        page = Caller(service.spec.cluster_ip, outputs[name]["url"], outputs["gateway"]["trusted"], key)
        eventually(partial(is_there, page), 60, f"the page of {name}")
        assert page.get("/", Authorization="Basic d3Jvbmc6d3Jvbmc=").status == 401
        if name == "tracking":
            require_own_page_only(page, outputs[name]["url"])
        page.close()


def is_there(page: Caller) -> bool:
    return page.get("/").status == 200


def require_own_page_only(mlflow: Caller, url: str) -> None:
    """A page of somebody else can't use the login that a browser has for MLflow; files of some size come through."""
    search = "/api/2.0/mlflow/experiments/search"
    for origin, code in ((url, 200), ("https://elsewhere.example.com", 403)):
        assert mlflow.send("POST", search, b'{"max_results": 1}', Origin=origin).status == code
    assert [is_read_from_nobody(mlflow, size) for size in (1_000_000, 100_000_000)] == [True, False]
    file, content = "/api/2.0/mlflow-artifacts/artifacts/gateway/file", secrets.token_bytes(20_000_000)
    assert mlflow.send("PUT", file, b"x", Authorization="").status == 401
    assert mlflow.send("PUT", file, content).status == 200
    assert mlflow.get(file).data == content


def is_read_from_nobody(mlflow: Caller, size: int) -> bool:
    """Whether MLflow gets a request of so many bytes without a login, which it then refuses.

    Otherwise the gateway answers 413, or closes the connection before all is sent.
    """
    try:
        status_code = mlflow.send("POST", "/api/2.0/mlflow/runs/create", bytes(size), Authorization="").status
    except urllib3.exceptions.HTTPError:
        return False
    assert status_code in (401, 413)
    return status_code == 401


@pytest.mark.usefixtures("endpoint")
def test_a_team_s_pod_reaches_endpoints_of_its_team_and_nothing_of_the_gateway(core: client.CoreV1Api) -> None:
    (pod, *_) = serving_pods(core)
    inside = f"{NAMESPACE}-gateway"
    (proxy, *_) = core.list_namespaced_pod(inside, label_selector="app.kubernetes.io/name=envoy").items
    places = {
        "endpoint": (core.read_namespaced_service("digits", TEAM).spec.cluster_ip, 8080),
        "gateway": (core.read_namespaced_service("envoy", inside).spec.cluster_ip, 443),
        "controller": (core.read_namespaced_service("envoy-gateway", inside).spec.cluster_ip, 18000),
        "metrics": (proxy.status.pod_ip, 19001),
    }
    assert [name for name, place in places.items() if reached(pod, *place)] == ["endpoint"]


def reached(pod: str, address: str, port: int) -> bool:
    """From a pod of the team."""
    program = f"import socket; socket.create_connection(('{address}', {port}), timeout=3)"
    try:
        kubectl("exec", "-n", TEAM, pod, "--", "python", "-c", program)
    except subprocess.CalledProcessError as error:
        assert b"imed out" in error.stderr or b"refused" in error.stderr, error.stderr
        return False
    return True


@pytest.mark.usefixtures("two_versions")
def test_a_canary_answers_its_part_and_no_request_fails_until_it_is_gone(
    core: client.CoreV1Api,
    apps: client.AppsV1Api,
    trial: Pulumi,
    caller: Caller,
    outputs: dict[str, Any],
    endpoint: Endpoint,
) -> None:
    stack_file, names = trial.folder / f"Pulumi.{STACK}.yaml", ["digits", "digits-canary"]
    declared = stack_file.read_text()
    settings = yaml.safe_load(declared)["config"]["ml-platform:platform"]["serving"]["digits"]
    champion = ""
    try:
        with caller.predicting("digits") as answers:
            canary = {"version": 1, "percent": 10, "replicas": 2}
            # A second proxy answers while the node of the first is drained.
            declare(trial, serving={"digits": {**settings, "canary": canary}}, gateway={"replicas": 2})
            trial.up()
            assert trial.preview("--expect-no-changes").code == 0
            champion = eventually(lambda: later_version(endpoint), 180, "the end of pods that serve the first")
            eventually(lambda: len(serving_pods(core)) == settings["replicas"], 180, "the end of older pods")
            before = answered_by(core, TEAM, names)
            eventually(
                lambda: sum(answered_by(core, TEAM, names).values()) - sum(before.values()) > 3000, 300, "requests"
            )
            after = answered_by(core, TEAM, names)
            drain_node(core, "serving,proxy,gateway")
            make_champion(address(core, outputs["tracking"]), outputs["tracking"], "1")
            eventually(lambda: version(endpoint, "digits") == "1", 180, "the other version")
            restart(apps, "envoy", "envoy-gateway")
            count(stack_file, "gateway")
            trial.up()
            stack_file.write_text(declared)
            began = time.monotonic()
            trial.up()
            print(f"rolled back in {time.monotonic() - began:.0f} s")
        share = (after["digits-canary"] - before["digits-canary"]) / (sum(after.values()) - sum(before.values()))
        print(f"{dict(answers)}, {share:.3f} of them by the canary")
        assert set(answers) == {200}, f"{answers} {caller.failures}"
        assert share == pytest.approx(0.10, abs=0.02)
        of_canary = "app.kubernetes.io/name=digits-canary"
        eventually(lambda: core.list_namespaced_pod(TEAM, label_selector=of_canary).items == [], 60, "its end")
    finally:
        if champion:
            make_champion(address(core, outputs["tracking"]), outputs["tracking"], champion)
        stack_file.write_text(declared)


def make_champion(tracking: str, login: dict[str, Any], version: str) -> None:
    """As somebody does who moves the alias in the registry."""
    body = {"name": "digits", "alias": CHAMPION, "version": version}
    url = f"{tracking}/api/2.0/mlflow/registered-models/alias"
    answer = requests.post(url, json=body, auth=(login["username"], login["password"]), timeout=30)
    assert answer.ok, answer.text


def test_canaries_that_are_worse_than_the_endpoint_are_rolled_back(
    core: client.CoreV1Api, trial: Pulumi, caller: Caller
) -> None:
    """One that fails, and then one that is slow; the second is given its part though the first has lost it."""
    stack_file = trial.folder / f"Pulumi.{STACK}.yaml"
    declared = stack_file.read_text()
    settings = yaml.safe_load(declared)["config"]["ml-platform:platform"]["serving"]["digits"]
    shutil.copytree(POOR, trial.folder / "images/poor", dirs_exist_ok=True)
    try:
        for version, alert in (FAILING, "CanaryFailing"), (SLOW, "CanarySlow"):
            canary = {"image": "poor", "version": version, "percent": 20, "rollback": {"window": "30s"}}
            declare(trial, images={"poor": {}}, serving={"digits": {**settings, "canary": canary}})
            trial.up()
            assert parts(core) == {"digits": 80, "digits-canary": 20}
            require_rollback_only(route(core))
            answers = until_it_is_rolled_back(core, caller, alert)
            assert set(answers) == ({200, 500} if version == FAILING else {200})
            assert trial.preview("--expect-no-changes").code == 0
    finally:
        stack_file.write_text(declared)
    trial.up()
    assert parts(core) == {"digits": 100}


def until_it_is_rolled_back(core: client.CoreV1Api, caller: Caller, alert: str) -> Counter[Any]:
    """How requests ended meanwhile. Those that come afterwards succeed."""
    began = time.monotonic()
    with caller.predicting("digits") as answers:
        eventually(lambda: parts(core) == {"digits": 100}, 120, "the end of its part")
        print(f"{alert}: rolled back after {time.monotonic() - began:.0f} s; {dict(answers)}")
        assert alert in firing(core)
        failed, seen = answers[500], answers.total()
        eventually(lambda: answers.total() > seen + 200, 60, "more requests")
        assert answers[500] <= failed + 8, "those that were on their way"
    return answers


@pytest.mark.usefixtures("two_versions")
def test_answers_to_mirrored_requests_are_compared_with_the_endpoint_s(
    core: client.CoreV1Api, trial: Pulumi, caller: Caller, outputs: dict[str, Any], endpoint: Endpoint
) -> None:
    """First of the version that the endpoint serves, and then of one that was trained to be bad."""
    stack_file = trial.folder / f"Pulumi.{STACK}.yaml"
    declared = stack_file.read_text()
    settings = yaml.safe_load(declared)["config"]["ml-platform:platform"]["serving"]["digits"]
    champion, before = version(endpoint, "digits"), set(serving_pods(core))
    bad = trained_badly(core, outputs)
    assert version(endpoint, "digits") == champion != bad
    try:
        for mirrored, result in (champion, "same"), (bad, "different"):
            canary = {"version": int(mirrored), "percent": 0, "mirror": True}
            declare(trial, serving={"digits": {**settings, "canary": canary}})
            trial.up()
            assert trial.preview("--expect-no-changes").code == 0
            count = partial(compared_by, core, TEAM, "digits-canary", mirrored)
            with caller.predicting("digits") as answers:
                eventually(partial(has_compared, count, result), 120, "answers that are compared", why=count)
            found = count()
            print(f"version {mirrored} beside {champion}: {dict(found)}; {dict(answers)}")
            assert set(answers) == {200}
            compared = found["probabilities", "same"] + found["probabilities", "different"]
            assert found["probabilities", result] >= 0.98 * compared, "rounding may make a few others"
            assert found["", "different"] == 0, "answers with another status"
        assert set(serving_pods(core)) <= before, "a canary replaces no pods of its endpoint"
    finally:
        stack_file.write_text(declared)
    trial.up()


def trained_badly(core: client.CoreV1Api, outputs: dict[str, Any]) -> str:
    """A version that does not become the champion."""
    job = outputs["jobs"]["digits"]
    again = {**job, "job": shown.train_again(core.api_client, job, "--gamma", "10")}
    eventually(lambda: status(core, again).completion_time, 300, "the end of training")
    server = outputs["tracking"]
    login = (server["username"], server["password"])
    found = get(address(core, server), login, "model-versions/search", filter="name='digits'").json()
    return str(max(int(each["version"]) for each in found["model_versions"]))


def has_compared(count: Callable[[], Counter[tuple[str, str]]], result: str) -> bool:
    return count()["probabilities", result] > 200


def test_an_endpoint_sleeps_without_requests_and_no_caller_notices(
    core: client.CoreV1Api, apps: client.AppsV1Api, trial: Pulumi, caller: Caller
) -> None:
    stack_file = trial.folder / f"Pulumi.{STACK}.yaml"
    declared = stack_file.read_text()
    settings = yaml.safe_load(declared)["config"]["ml-platform:platform"]["serving"]["digits"]
    scaled = {name: value for name, value in settings.items() if name != "apiKey"}
    scaled["expose"] = {**settings["expose"], "callers": [settings["apiKey"]]}
    scaled["replicas"] = {"min": 0, "max": 2, "scaleDownAfter": "10s"}
    scaled["scaleOn"] = {"requestsInFlight": 2}
    declare(trial, serving={"digits": scaled})
    try:
        assert trial.up().code == 0
        require_scaling_only()
        woken = []
        for _ in range(COLD_STARTS):
            eventually(lambda: serving_pods(core) == [], 120, "the end of its pods")
            began = time.monotonic()
            assert set(caller.at_once(AT_ONCE, "digits")) == {200}
            woken.append(time.monotonic() - began)
        print(f"{COLD_STARTS} cold starts with {AT_ONCE} callers each: {[f'{each:.1f}' for each in sorted(woken)]} s")
        with caller.predicting("digits", AT_ONCE) as answers:
            eventually(lambda: replicas(apps) == 2, 60, "another pod")
            eventually(
                lambda: sum(each > 100 for each in answered_by_pods(core, TEAM, "digits")) == 2, 60, "requests to both"
            )
            assert trial.preview("--expect-no-changes").code == 0
        assert set(answers) == {200}
        eventually(lambda: replicas(apps) == 0, 120, "the end of its pods")
        assert find(core.api_client, trial.resources()) == []
        shutil.copytree(POOR, trial.folder / "images/poor", dirs_exist_ok=True)
        by_latency = {"image": "poor", "version": SLOW, "maxConcurrentRequests": 31, "scaleOn": {"latency": "100ms"}}
        declare(trial, images={"poor": {}}, serving={"digits": {**scaled, **by_latency}})
        trial.up()
        assert replicas(apps) == 0, "another setting is no reason to wake it"
        with caller.predicting("digits", AT_ONCE // 2) as answers:
            eventually(lambda: replicas(apps) == 2, 120, "another pod for the latency")
        assert set(answers) == {200}
    finally:
        stack_file.write_text(declared)
    trial.up()
    assert replicas(apps) == settings["replicas"]


def serving_pods(core: client.CoreV1Api) -> list[str]:
    """Also those that end, and may still answer."""
    own = "app.kubernetes.io/name=digits,app.kubernetes.io/component=serving"
    return [each.metadata.name for each in core.list_namespaced_pod(TEAM, label_selector=own).items]


def replicas(apps: client.AppsV1Api) -> int:
    return int(apps.read_namespaced_deployment("digits", TEAM).spec.replicas)


def parts(core: client.CoreV1Api) -> dict[str, int]:
    """What the route gives each Service, in percent."""
    return traffic_split(route(core)["spec"]["rules"][0]["backendRefs"])


def route(core: client.CoreV1Api) -> dict[str, Any]:
    objects = client.CustomObjectsApi(core.api_client)
    found: dict[str, Any] = objects.get_namespaced_custom_object(
        "gateway.networking.k8s.io", "v1", TEAM, "httproutes", "digits"
    )
    return found


def firing(core: client.CoreV1Api) -> set[str]:
    """The alerts that Alertmanager has received for the team."""
    service = core.read_namespaced_service("alertmanager", NAMESPACE)
    url = f"http://{service.spec.cluster_ip}:9093/api/v2/alerts"
    found = requests.get(url, params={"filter": f'team="{TEAM}"'}, timeout=30).json()
    return {each["labels"]["alertname"] for each in found}


def restart(apps: client.AppsV1Api, *names: str) -> None:
    """New pods of Deployments of the gateway, until they have taken over."""
    when = {"kubectl.kubernetes.io/restartedAt": datetime.now(UTC).isoformat()}
    change = {"spec": {"template": {"metadata": {"annotations": when}}}}
    for name in names:
        apps.patch_namespaced_deployment(name, f"{NAMESPACE}-gateway", change)
    for name in names:
        eventually(partial(rolled_out, apps, name), 120, f"new pods of {name}")


def rolled_out(apps: client.AppsV1Api, name: str) -> bool:
    found = apps.read_namespaced_deployment(name, f"{NAMESPACE}-gateway")
    status, wanted = found.status, found.spec.replicas
    seen = status.observed_generation == found.metadata.generation
    return bool(seen and status.updated_replicas == status.available_replicas == status.replicas == wanted)


def old_serving_pods(core: client.CoreV1Api, names: set[str]) -> list[str]:
    selector = "app.kubernetes.io/component=serving"
    serving = [pod.metadata.name for pod in core.list_namespaced_pod(TEAM, label_selector=selector).items]
    return [name for name in serving if name in names]


def training_runs(planned: str) -> list[str]:
    """The signs of what a preview does with runs; the migration of the tracking server is a Job, too."""
    return re.findall(r"^ *(\S+) kubernetes:batch/v1:Job: .*\n(?: *\[(?!urn).*\n)* *\[urn=.*:Training\$", planned, re.M)


def test_nothing_but_a_declared_change_runs_training_again(trial: Pulumi, outputs: dict[str, Any]) -> None:
    changed = {
        "images/base/Dockerfile": ("", "\n# a patch\n"),
        "infra/declaration/workloads.py": ('default="500Mi"', 'default="600Mi"'),
        "infra/workloads/training/component.py": ("METRICS_PORT = 8000", "METRICS_PORT = 8001"),
    }
    before = {name: (trial.folder / name).read_text() for name in changed}
    stack_file = trial.folder / f"Pulumi.{STACK}.yaml"
    declared = stack_file.read_text()
    try:
        for name, (old, new) in changed.items():
            (trial.folder / name).write_text(before[name].replace(old, new, 1) if old else before[name] + new)
        planned = trial.preview().text
        assert "kubernetes:apps/v1:Deployment" in planned, "the changes reach nothing"
        assert training_runs(planned) == []
        run = yaml.safe_load(declared)["config"]["ml-platform:platform"]["training"]["digits"]
        declare(trial, training={"digits": {**run, "revision": 1}})
        planned = trial.preview().text
        assert sorted(training_runs(planned)) == ["+", "-"], planned
    finally:
        stack_file.write_text(declared)
        for name, text in before.items():
            (trial.folder / name).write_text(text)


def test_a_run_that_takes_an_hour_and_one_that_fails_hold_up_nobody(
    core: client.CoreV1Api, trial: Pulumi, outputs: dict[str, Any]
) -> None:
    with more_jobs(trial):
        jobs = trial.up().outputs["jobs"]
        sleeps, fails = jobs[SLEEPS], jobs[FAILS]
        start(core, ENDS, BY_HAND)
        eventually(lambda: BY_HAND in succeeded(core, ENDS), 120, "the batch job that was started by hand")
        eventually(lambda: has_failed(core, fails), 120, "the failure")
        eventually(lambda: running(core, sleeps, other_than=set()), 120, "the run that takes an hour")
        before = time.monotonic()
        assert set(trial.up().changes()) == {"unchanged"}
        print(f"an unchanged `up` beside them took {time.monotonic() - before:.1f} s")
        failed = shown.number(prometheus(core, outputs))
        alert = f'count(ALERTS{{alertname="JobFailed",job_name="{fails["job"]}"}})'
        eventually(lambda: failed(alert), 120, "the alert")
        assert not failed(f'count(ALERTS{{alertname="JobFailed",job_name="{sleeps["job"]}"}})')
        evicted: set[str] = set()
        for _ in range(EVICTIONS):
            pod = eventually(lambda: running(core, sleeps, other_than=evicted), 240, "another pod")
            evict(core, pod, sleeps["namespace"])
            evicted.add(pod)
        last = eventually(lambda: running(core, sleeps, other_than=evicted), 240, "the last pod")
        assert not has_failed(core, sleeps)
        pods = saved_by(core, last, sleeps["namespace"])
        assert pods[-1] == last
        assert set(pods) == {*evicted, last}
        eventually(lambda: succeeded(core, ENDS) - {BY_HAND}, 90, "a scheduled run of the batch job")
    trial.up()


def test_renewed_secrets_refuse_no_request_and_in_the_end_the_old_value(
    core: client.CoreV1Api, trial: Pulumi, outputs: dict[str, Any]
) -> None:
    now = dict(trial.outputs())
    before = dict(now)
    server, endpoint = (address(core, each) for each in (now["tracking"], now["endpoints"]["digits"]))

    def ask_registry(known: dict[str, Any] = now) -> requests.Response:
        login = (known["registry"]["username"], known["registry"]["password"])
        return requests.get(
            f"http://{known['registry']['address']}/v2/ml-platform/serving/tags/list", auth=login, timeout=5
        )

    def ask_tracking(known: dict[str, Any] = now) -> requests.Response:
        login = (known["tracking"]["username"], known["tracking"]["password"])
        return requests.get(f"{server}/api/2.0/mlflow/experiments/search?max_results=1", auth=login, timeout=30)

    def ask_endpoint(known: dict[str, Any] = now) -> requests.Response:
        key = known["endpoints"]["digits"]["api_key"]
        return requests.get(f"{endpoint}/v2/models/digits", headers={"Authorization": f"Bearer {key}"}, timeout=30)

    file = trial.folder / f"Pulumi.{STACK}.yaml"
    cluster = Cluster(core, CONTEXT, environment())

    def up() -> None:
        for other in (REGISTRY, "digits-key"):
            count(file, other)
        now.update(trial.up().outputs)

    def keys() -> set[Key]:
        declared = load(file)
        return {key for secret in RENEWED for key in accepted(secret, declared, trial.outputs(), cluster)}

    with (
        counting_requests(ask_registry) as registry,
        counting_requests(ask_tracking) as tracking,
        counting_requests(ask_endpoint) as served,
    ):
        refused = renew(file, TRACKING, up, keys, cluster, Progress())
    print(f"registry {dict(registry)}, tracking {dict(tracking)}, endpoint {dict(served)}, {refused} old keys refused")
    for answers in (registry, tracking, served):
        assert set(answers) == {200}
        assert answers[200] > 50
    assert refused == 5
    assert [ask(before).status_code for ask in (ask_registry, ask_tracking, ask_endpoint)] == [401, 401, 401]
    assert [ask(now).status_code for ask in (ask_registry, ask_tracking, ask_endpoint)] == [200, 200, 200]


def test_no_secret_is_anywhere_in_clear(core: client.CoreV1Api, trial: Pulumi, outputs: dict[str, Any]) -> None:
    exported = trial.run("stack", "export", "--show-secrets").text
    values = set(re.findall(r'"plaintext": "\\"(\w{32})\\""', exported))
    known = trial.outputs()
    values |= {known["registry"]["password"], known["tracking"]["password"], known["endpoints"]["digits"]["api_key"]}
    values |= {derived_password(key, user) for key in values for user in ("admin", TEAM)}
    values.add(GIVEN_VALUE)
    assert len(values) > 20
    words = [form for value in values for form in leaks.forms(value)]
    searched, found = Counter[str](), []
    registry = f"{known['registry']['address']}/"
    with decoys.planted(core, DECOY, f"{registry}decoy") as namespace:
        places = {
            "state and backups": leaks.state_and_backups(trial),
            "logs": leaks.logs(core, [*SYSTEM_NAMESPACES, namespace]),
            "manifests": leaks.manifests(),
            "processes": leaks.processes(),
            "environments": leaks.environments(),
            "image layers": leaks.image_layers(registry),
            "etcd": leaks.etcd(),
        }
        blind = set(places)
        for kind, contents in places.items():
            for name, content in contents:
                searched[kind] += len(content)
                found += [f"{kind}: {name}" for word in words if word in content]
                if DECOY.encode() in content:
                    blind.discard(kind)
    print(f"{len(values)} values, bytes searched: {dict(searched)}")
    assert found == []
    assert blind == set()


def test_without_monitoring_endpoints_answer_and_jobs_train(
    core: client.CoreV1Api, trial: Pulumi, outputs: dict[str, Any]
) -> None:
    known = trial.outputs()
    job, served = known["jobs"]["digits"], known["endpoints"]["digits"]
    endpoint, batch = Endpoint(address(core, served), served["api_key"]), client.BatchV1Api(core.api_client)
    with shown.nothing_measures(core.api_client, known["namespace"]):
        again = shown.train_again(core.api_client, job)
        jobs = partial(batch.read_namespaced_job, again, job["namespace"])
        eventually(lambda: jobs().status.succeeded, 120, "the job's success")
        assert endpoint.ask("GET", "/v2/models/digits")["versions"]
        assert requests.get(f"{endpoint.address}/v2/health/ready", timeout=30).ok


def test_destroy_leaves_nothing(core: client.CoreV1Api, trial: Pulumi, outputs: dict[str, Any]) -> None:
    trial.destroy()
    assert trial.resources() == []
    assert [name.metadata.name for name in core.list_namespace().items if name.metadata.name in SYSTEM_NAMESPACES] == []
    assert [node.metadata.name for node in core.list_node().items if node.metadata.name.startswith("trialgpu")] == []
    eventually(lambda: volumes_of_trial(core) == [], what="removal of the volumes")
    engine: docker.DockerClient = docker_engine.client()
    assert [
        item.name for item in engine.containers.list(all=True) if (item.name or "").startswith("trial-platform")
    ] == []
    # Images are not pushed again by the next stack of this name.
    kept = [local_registry(NAMESPACE)]
    assert [item.name for item in engine.volumes.list() if (item.name or "").startswith("trial-platform")] == kept


def volumes_of_trial(core: client.CoreV1Api) -> list[str]:
    claimed = [volume for volume in core.list_persistent_volume().items if volume.spec.claim_ref]
    return [volume.metadata.name for volume in claimed if volume.spec.claim_ref.namespace in SYSTEM_NAMESPACES]

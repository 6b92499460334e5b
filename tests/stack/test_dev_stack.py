"""The dev stack's life on a real engine, registry and cluster: up, unchanged, changed, destroyed.

The tests stand in the order of that life and share one stack.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import pytest
import requests
from kubernetes import client

from tests.pulumi_engine import Pulumi
from tests.stack.conftest import TEAM
from tests.waiting import eventually
from workstation import docker_engine, paths
from workstation.prediction import Tracking, score

SYSTEM_NAMESPACES = ("trial-platform", TEAM)


def address(core: client.CoreV1Api, output: dict[str, Any]) -> str:
    """A service's address in the cluster, which this machine's own kube-proxy serves."""
    service = core.read_namespaced_service(output["service"], output["namespace"])
    return f"http://{service.spec.cluster_ip}:{output['port']}"


def answers(endpoint: str) -> bool:
    try:
        return requests.get(f"{endpoint}/v2/health/ready", timeout=5).ok
    except requests.ConnectionError:
        return False


def pods(core: client.CoreV1Api) -> list[Any]:
    return [pod for namespace in SYSTEM_NAMESPACES for pod in core.list_namespaced_pod(namespace).items]


@pytest.fixture(scope="module")
def outputs(trial: Pulumi) -> dict[str, Any]:
    """What the first `up` gave."""
    return trial.up().outputs


def test_the_endpoint_answers_samples_that_training_never_saw(core: client.CoreV1Api, outputs: dict[str, Any]) -> None:
    server = outputs["tracking"]
    tracking = Tracking(address(core, server), server["username"], server["password"])
    endpoint = address(core, outputs["endpoints"]["digits"])
    eventually(lambda: answers(endpoint), what="kube-proxy to know the new service")
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
    assert requests.get(url, timeout=5).status_code == 401
    assert requests.get(url, auth=(registry["username"], "wrong"), timeout=5).status_code == 401
    assert requests.get(url, auth=(registry["username"], registry["password"]), timeout=5).status_code == 200


def test_the_gpu_job_is_placed_on_a_simulated_node_and_marked(core: client.CoreV1Api, outputs: dict[str, Any]) -> None:
    on_simulated = [pod for pod in pods(core) if (pod.spec.node_name or "").startswith("trialgpu-")]
    assert [pod.metadata.labels["ml-platform.io/simulated"] for pod in on_simulated] == ["true"]
    assert outputs["jobs"]["digits-gpu"]["simulated"]
    others = [pod for pod in pods(core) if pod not in on_simulated]
    assert [pod.metadata.name for pod in others if "ml-platform.io/simulated" in pod.metadata.labels] == []


def test_no_secret_is_in_clear_in_state_or_manifests(
    core: client.CoreV1Api, trial: Pulumi, outputs: dict[str, Any]
) -> None:
    words = [outputs["registry"]["password"], outputs["tracking"]["password"]]
    stored = [file for file in trial.backend.rglob("*") if file.is_file()]
    assert stored
    assert [str(file) for file in stored if any(word in file.read_text(errors="replace") for word in words)] == []
    manifests = str([core.list_namespaced_config_map(name).items for name in SYSTEM_NAMESPACES]) + str(pods(core))
    assert [word for word in words if word in manifests] == []
    logs = [file for file in Path(paths.LOGS).rglob("*") if file.is_file()]
    assert [str(file) for file in logs if any(word in file.read_text(errors="replace") for word in words)] == []


def test_up_again_changes_nothing(trial: Pulumi, outputs: dict[str, Any]) -> None:
    changes = trial.up().changes()
    assert set(changes) == {"unchanged"}
    assert trial.preview("--expect-no-changes").code == 0


def test_a_changed_line_rolls_one_deployment_and_loses_no_request(
    core: client.CoreV1Api, trial: Pulumi, outputs: dict[str, Any]
) -> None:
    before = {pod.metadata.name for pod in pods(core)}
    with (trial.folder / "images" / "serving" / "serving" / "__main__.py").open("a") as code:
        code.write("# a changed line\n")
    url = f"{address(core, outputs['endpoints']['digits'])}/v2/models/digits/ready"
    with counting_requests(url) as answers:
        changed = trial.up()
        eventually(lambda: old_serving_pods(core, before) == [], 90, "the end of the old pods")
    assert set(answers) == {200}, answers
    assert answers[200] > 50
    updated = [line.split()[1] for line in changed.text.splitlines() if " updated (" in line]
    assert sorted(updated) == ["docker:index:Image", "kubernetes:apps/v1:Deployment"], changed.text
    after = {pod.metadata.name for pod in pods(core)}
    assert {name for name in before - after if not name.startswith("digits-")} == set()


def old_serving_pods(core: client.CoreV1Api, names: set[str]) -> list[str]:
    selector = "app.kubernetes.io/component=serving"
    serving = [pod.metadata.name for pod in core.list_namespaced_pod(TEAM, label_selector=selector).items]
    return [name for name in serving if name in names]


@contextmanager
def counting_requests(url: str) -> Iterator[Counter[Any]]:
    """Ask `url` again and again, each time on a new connection; what was answered, by status or kind of failure."""
    answers: Counter[Any] = Counter()
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            try:
                answers[requests.get(url, timeout=5).status_code] += 1
            except requests.RequestException as error:
                answers[type(error).__name__] += 1
            time.sleep(0.05)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield answers
    finally:
        done.set()
        thread.join()


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
    assert [item.name for item in engine.volumes.list() if (item.name or "").startswith("trial-platform")] == []


def volumes_of_trial(core: client.CoreV1Api) -> list[str]:
    claimed = [volume for volume in core.list_persistent_volume().items if volume.spec.claim_ref]
    return [volume.metadata.name for volume in claimed if volume.spec.claim_ref.namespace in SYSTEM_NAMESPACES]

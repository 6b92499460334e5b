"""A run of two workers on a real engine, registry, cluster and tracking server: what it trains, and what disturbs it.

Of the stack only what training needs is deployed. The tests share it.
"""

import random
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
import requests
import yaml
from kubernetes import client
from kubernetes.client.exceptions import ApiException
from kubernetes.stream import stream

from tests.pulumi_engine import Pulumi
from tests.stack.conftest import STACK, TEAM
from tests.stack.submitted import evict
from tests.waiting import eventually

ROUNDS = 1
"""Of four disturbances."""
EPOCHS = 40 * ROUNDS
TOLERANCE = 0.02
"""Of an accuracy on 450 digits: gradients are added in another order, so nine of these may be recognized otherwise."""
RUN = {
    "team": TEAM,
    "image": "torch",
    "model": "digits",
    "resources": {"cpu": "200m", "memory": "2Gi"},
    "args": [f"--epochs={EPOCHS}", "--seed=6", "--loader-workers=0"],
    "timeout": "30m",
}
TWO = {**RUN, "workers": 2, "checkpoint": {"size": "1Gi"}, "retries": 3 * ROUNDS}
_KILL = """
import os, pathlib, sys
for each in pathlib.Path("/proc").glob("[0-9]*"):
    words = (each / "cmdline").read_bytes().split(bytes(1))
    if words[1:4] == [b"-u", b"-m", b"trainer"]:
        os.kill(int(each.name), int(sys.argv[1]))
        print("killed", end="")
"""
"""The process that trains, which is a child of torchrun."""


@pytest.fixture(scope="module")
def outputs(trial: Pulumi) -> dict[str, Any]:
    """Two runs of two workers and one of one, with one seed."""
    file = trial.folder / f"Pulumi.{STACK}.yaml"
    document = yaml.safe_load(file.read_text())
    platform = document["config"]["ml-platform:platform"]
    kept = ("foundation", "namespace", "tracking", "protectData")
    document["config"]["ml-platform:platform"] = {
        **{name: platform[name] for name in kept if name in platform},
        "teams": {TEAM: {}},
        "images": {"torch": {}},
        "models": {"digits": {"team": TEAM}},
        "training": {"alone": RUN, "together": TWO},
    }
    file.write_text(yaml.safe_dump(document))
    return trial.up().outputs


def job_set(core: client.CoreV1Api, run: dict[str, Any]) -> dict[str, Any]:
    """Its status."""
    read = client.CustomObjectsApi(core.api_client).get_namespaced_custom_object
    found = read("jobset.x-k8s.io", "v1alpha2", run["namespace"], "jobsets", run["job_set"])
    status: dict[str, Any] = found.get("status", {})
    return status


def ended(core: client.CoreV1Api, run: dict[str, Any]) -> str:
    if "job_set" not in run:
        status = client.BatchV1Api(core.api_client).read_namespaced_job(run["job"], run["namespace"]).status
        return next((each.type for each in status.conditions or [] if each.status == "True"), "")
    return str(job_set(core, run).get("terminalState", ""))


def workers(core: client.CoreV1Api, run: dict[str, Any]) -> list[Any]:
    """Its pods that run and are to stay, the first worker's first."""
    selector = f"jobset.sigs.k8s.io/jobset-name={run['job_set']}"
    pods = core.list_namespaced_pod(run["namespace"], label_selector=selector).items
    alive = [each for each in pods if each.status.phase == "Running" and not each.metadata.deletion_timestamp]
    return sorted(alive, key=lambda pod: pod.metadata.name)


def epoch(core: client.CoreV1Api, run: dict[str, Any]) -> int:
    """The last epoch that the first worker's pod of now has ended; 0 before."""
    with suppress(ApiException):  # a pod is gone, or has not started
        pods = workers(core, run)
        log = core.read_namespaced_pod_log(pods[0].metadata.name, run["namespace"]) if len(pods) == 2 else ""
        return max((int(number) for number in re.findall(r"epoch (\d+) of", log)), default=0)
    return 0


def epoch_after(core: client.CoreV1Api, run: dict[str, Any], last: int) -> int:
    """The same once it is later than `last`; 0 before."""
    now = epoch(core, run)
    return now if now > last else 0


def has_restarted(core: client.CoreV1Api, run: dict[str, Any], times: int) -> bool:
    return job_set(core, run).get("restarts") == times


def first_epoch(core: client.CoreV1Api, run: dict[str, Any]) -> int:
    """With which the first worker's pod has gone on."""
    log = core.read_namespaced_pod_log(workers(core, run)[0].metadata.name, run["namespace"])
    return int(re.findall(r"epoch (\d+) of", log)[0])


def logged(core: client.CoreV1Api, outputs: dict[str, Any], experiment: str) -> list[dict[str, float]]:
    """The metrics of its runs."""
    known = outputs["tracking"]
    service = core.read_namespaced_service(known["service"], known["namespace"])
    url = f"http://{service.spec.cluster_ip}:{known['port']}/api/2.0/mlflow"
    login = (known["username"], known["password"])
    found = requests.get(f"{url}/experiments/get-by-name", {"experiment_name": experiment}, auth=login, timeout=20)
    wanted = {"experiment_ids": [found.json()["experiment"]["experiment_id"]]}
    answer = requests.post(f"{url}/runs/search", json=wanted, auth=login, timeout=20)
    return [{each["key"]: each["value"] for each in run["data"]["metrics"]} for run in answer.json()["runs"]]


def disturb(core: client.CoreV1Api, run: dict[str, Any], how: str, worker: int) -> None:
    pod = workers(core, run)[worker].metadata.name
    if how == "drain":
        drain(core, run)
    elif how == "deletion":  # with SIGKILL
        core.delete_namespaced_pod(pod, run["namespace"], grace_period_seconds=0)
    else:
        number = {"SIGTERM": 15, "SIGKILL": 9}[how]
        call = core.connect_get_namespaced_pod_exec
        command = ["python", "-c", _KILL, str(number)]
        assert stream(call, pod, run["namespace"], command=command, stdout=True, stderr=True) == "killed"


def drain(core: client.CoreV1Api, run: dict[str, Any]) -> None:
    """As `kubectl drain` of the node of both workers, which is put back into service when they are gone."""
    pods = workers(core, run)
    (node,) = {pod.spec.node_name for pod in pods}
    core.patch_node(node, {"spec": {"unschedulable": True}})
    try:
        for pod in pods:
            with suppress(ApiException):  # the first one's end has ended the other
                evict(core, pod.metadata.name, run["namespace"])
        eventually(lambda: not workers(core, run), 120, "the end of both workers")
    finally:
        core.patch_node(node, {"spec": {"unschedulable": None}})


def disturbances() -> Iterator[tuple[str, int]]:
    """Each kind in any order, to any worker."""
    kinds = ["drain", "deletion", "SIGTERM", "SIGKILL"] * ROUNDS
    random.shuffle(kinds)
    for kind in kinds:
        yield kind, random.randrange(2)


def test_a_run_that_is_disturbed_again_and_again_trains_what_it_would_have_trained(
    core: client.CoreV1Api, outputs: dict[str, Any]
) -> None:
    run, last, counted = outputs["jobs"]["together"], 0, 0
    for number, (how, worker) in enumerate(disturbances(), 1):
        reached = eventually(partial(epoch_after, core, run, last + 1), 300, "an epoch")
        before = time.monotonic()
        disturb(core, run, how, worker)
        counted += how != "drain"
        eventually(partial(has_restarted, core, run, number), 180, f"the restart after {how}")
        eventually(lambda: epoch(core, run), 180, "the first epoch after it")
        went_on = first_epoch(core, run)
        print(f"{how} of worker {worker}: epoch {reached}, then {went_on}, {time.monotonic() - before:.0f} s")
        assert went_on >= reached, "more than the epoch of then was repeated"
        assert job_set(core, run).get("restartsCountTowardsMax", 0) == counted
        last = went_on
    eventually(lambda: ended(core, run), 600, "the end of the run")
    assert ended(core, run) == "Completed"


def test_nobody_else_makes_jobs_of_a_set(core: client.CoreV1Api, outputs: dict[str, Any]) -> None:
    """Its controller would believe them."""
    run = outputs["jobs"]["together"]
    batch = client.BatchV1Api(core.api_client)
    plain = core.api_client.sanitize_for_serialization
    leader = plain(batch.read_namespaced_job(run["job"], run["namespace"]))
    topology = {"annotations": {"alpha.jobset.sigs.k8s.io/exclusive-topology": "rack"}}
    for metadata, of_pods in (
        ({"labels": {"jobset.sigs.k8s.io/jobset-name": run["job_set"]}}, {}),
        ({"ownerReferences": leader["metadata"]["ownerReferences"]}, {}),
        ({}, topology),
    ):
        template = {**leader["spec"]["template"], "metadata": of_pods}
        forged = {"metadata": {"name": "forged", **metadata}, "spec": {"template": template}}
        with pytest.raises(ApiException, match="only JobSet's controller makes Jobs of a JobSet"):
            batch.create_namespaced_job(run["namespace"], forged)


def test_two_workers_train_what_one_trains(core: client.CoreV1Api, outputs: dict[str, Any]) -> None:
    eventually(lambda: ended(core, outputs["jobs"]["alone"]), 600, "the end of the run alone")
    (alone,), (together,) = (logged(core, outputs, name) for name in ("alone", "together"))
    print(f"alone {alone}, together {together}")
    assert alone["holdout_accuracy"] > 0.9
    assert together["holdout_accuracy"] == pytest.approx(alone["holdout_accuracy"], abs=TOLERANCE)


def test_a_run_that_has_no_retry_left_has_failed_and_up_says_so(
    core: client.CoreV1Api, trial: Pulumi, outputs: dict[str, Any]
) -> None:
    file = trial.folder / f"Pulumi.{STACK}.yaml"
    document = yaml.safe_load(file.read_text())
    document["config"]["ml-platform:platform"]["training"] = {"together": {**TWO, "retries": 0, "revision": 1}}
    file.write_text(yaml.safe_dump(document))
    run = trial.up().outputs["jobs"]["together"]
    eventually(lambda: epoch(core, run), 300, "an epoch")
    disturb(core, run, "SIGKILL", 1)
    eventually(lambda: ended(core, run), 120, "the end of the run")
    assert ended(core, run) == "Failed"
    eventually(lambda: not workers(core, run), 120, "the end of the other worker")


def test_without_workers_the_controller_goes_and_nothing_hangs(
    core: client.CoreV1Api, trial: Pulumi, outputs: dict[str, Any]
) -> None:
    document = yaml.safe_load((trial.folder / f"Pulumi.{STACK}.yaml").read_text())
    document["config"]["ml-platform:platform"]["training"] = {}
    (trial.folder / f"Pulumi.{STACK}.yaml").write_text(yaml.safe_dump(document))
    before = time.monotonic()
    trial.up()
    print(f"gone in {time.monotonic() - before:.0f} s")
    pods = core.list_namespaced_pod(TEAM).items + core.list_namespaced_pod("trial-platform").items
    assert [pod.metadata.name for pod in pods if "tracking" not in pod.metadata.name] == []

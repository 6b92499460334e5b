"""What the policy pack refuses, the cluster refuses too, whoever applies it: by the real `kubectl`, pod by pod.

The policies are made by the platform's own component, through the engine, in a stack of this test's own.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from kubernetes import client

from common import paths
from infra.catalogue.names import PLATFORM_LABEL
from infra.catalogue.pod_manifests import IMAGE, Manifest, pod
from infra.catalogue.pod_rules import GPUS, HOST_PATHS, IMAGES, POD_RULES, PRIVILEGED, RESOURCES, PodRule
from offline import go_tools
from offline.cluster.addresses import CONTEXT
from tests.engine.policies.variants import PODS
from tests.pulumi_engine import Pulumi, find_engine
from tests.waiting import eventually

PROGRAM = """
import sys

sys.path.insert(0, {repository!r})

import pulumi
import pulumi_kubernetes as kubernetes

from infra.tenancy.admission import Admission, AdmissionArgs

cluster = kubernetes.Provider("kubernetes", context={context!r})
args = AdmissionArgs({run!r}, {registry!r}, {exceptions!r})
Admission("admission", args, pulumi.ResourceOptions(providers=[cluster]))
"""
REGISTRY = IMAGE.rpartition("/")[0]


@dataclass(frozen=True)
class Answer:
    """What `kubectl` ended with and said."""

    code: int
    text: str


@dataclass(frozen=True)
class Places:
    """Namespaces: one of the stack, one of it with an exception, one of nobody's."""

    run: str
    own: str
    excepted: str
    foreign: str


@pytest.fixture(scope="module")
def places(core: client.CoreV1Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    if find_engine() is None:
        pytest.skip("no pulumi on this machine: set ML_PLATFORM_BIN to the folder that holds it")
    run = f"admission-{uuid4().hex[:6]}"
    found = Places(run, f"{run}-own", f"{run}-excepted", f"{run}-foreign")
    exceptions = {HOST_PATHS.name: {found.excepted: "the test needs a folder of the node"}}
    stack = Pulumi(tmp_path_factory.mktemp("admission"), {"KUBECONFIG": str(paths.KUBECONFIG)})
    texts = {"repository": str(paths.REPOSITORY), "context": CONTEXT, "run": run, "registry": REGISTRY}
    stack.program(PROGRAM.format(**texts, exceptions=exceptions))
    for name, labels in (
        (found.own, {PLATFORM_LABEL: run}),
        (found.excepted, {PLATFORM_LABEL: run}),
        (found.foreign, {}),
    ):
        core.create_namespace({"metadata": {"name": name, "labels": labels}})
    try:
        with stack:
            stack.up()
            for rule in POD_RULES:
                eventually(partial(refused, rule, found), 60, f"rule {rule.name}")
            yield found
    finally:
        for name in (found.own, found.excepted, found.foreign):
            core.delete_namespace(name, grace_period_seconds=0)


def kubectl(*arguments: str, manifest: Manifest | None = None) -> Answer:
    done = subprocess.run(
        [str(go_tools.KUBERNETES.program("kubectl")), "--kubeconfig", str(paths.KUBECONFIG), *arguments],
        input=json.dumps(manifest) if manifest else None,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Answer(done.returncode, done.stdout + done.stderr)


def apply(namespace: str, manifest: Manifest, *options: str) -> Answer:
    """For real; the name is a new one each time."""
    metadata = {"name": f"case-{uuid4().hex[:8]}", "namespace": namespace}
    return kubectl("apply", "--filename=-", *options, manifest={**manifest, "metadata": metadata})


def refused(rule: PodRule, places: Places) -> bool:
    """Whether the API server has heard of the rule; until then it lets all pass, so that nothing is really made."""
    answer = apply(places.own, rule.violates, "--dry-run=server")
    return answer.code != 0 and f"{places.run}-{rule.name}" in answer.text


@pytest.mark.parametrize("rule", POD_RULES, ids=lambda rule: rule.name)
def test_kubectl_is_refused_what_the_policy_pack_refuses(places: Places, rule: PodRule) -> None:
    answer = apply(places.own, rule.violates)
    assert answer.code != 0
    assert f"ValidatingAdmissionPolicy '{places.run}-{rule.name}'" in answer.text
    assert f"{rule.message}; {rule.fix}" in answer.text
    assert answer.text.count("ValidatingAdmissionPolicy '") == 1, "one rule for one mistake"


@pytest.mark.parametrize("rule", POD_RULES, ids=lambda rule: rule.name)
def test_kubectl_makes_what_the_policy_pack_lets_pass(places: Places, rule: PodRule) -> None:
    answer = apply(places.own, rule.complies)
    assert (answer.code, "created" in answer.text) == (0, True), answer.text


@pytest.mark.parametrize("rule", POD_RULES, ids=lambda rule: rule.name)
def test_namespaces_that_are_not_the_stack_s_are_left_alone(places: Places, rule: PodRule) -> None:
    answer = apply(places.foreign, rule.violates, "--dry-run=server")
    assert answer.code == 0, answer.text


def test_an_exception_is_for_one_rule_in_one_namespace(places: Places) -> None:
    """Pod Security can't be what keeps the others there: it knows levels only, and gives way as a whole."""
    assert apply(places.excepted, HOST_PATHS.violates).code == 0
    for rule in set(POD_RULES) - {HOST_PATHS}:
        assert f"{places.run}-{rule.name}" in apply(places.excepted, rule.violates).text


def job(spec: dict[str, Any]) -> Manifest:
    template = {"spec": {**spec, "restartPolicy": "Never"}}
    return {"apiVersion": "batch/v1", "kind": "Job", "spec": {"suspend": True, "template": template}}


def cron_job(spec: dict[str, Any]) -> Manifest:
    template = {"spec": job(spec)["spec"]}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "spec": {"schedule": "0 0 1 1 *", "jobTemplate": template}}


def daemon_set(spec: dict[str, Any]) -> Manifest:
    labels = {"app": "any"}
    template = {"metadata": {"labels": labels}, "spec": spec}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }


@pytest.mark.parametrize("owner", [job, cron_job, daemon_set])
def test_whoever_applies_a_controller_is_told_at_once(places: Places, owner: Any) -> None:
    good, bad = dict(IMAGES.complies["spec"]), dict(IMAGES.violates["spec"])
    assert apply(places.own, owner(good)).code == 0
    assert f"{places.run}-{IMAGES.name}" in apply(places.own, owner(bad)).text


def test_pods_of_a_controller_that_nothing_looks_at_are_refused_too(places: Places, core: client.CoreV1Api) -> None:
    labels = {"app": "copies"}
    template = {"metadata": {"labels": labels}, "spec": RESOURCES.violates["spec"]}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    assert apply(places.own, {"apiVersion": "apps/v1", "kind": "ReplicaSet", "spec": spec}).code == 0

    def told() -> list[str]:
        events = core.list_namespaced_event(places.own, field_selector="reason=FailedCreate").items
        return [event.message for event in events if f"{places.run}-{RESOURCES.name}" in event.message]

    assert eventually(told, 60, "the controller's complaint")
    assert core.list_namespaced_pod(places.own, label_selector="app=copies").items == []


def test_a_debug_container_is_looked_at_like_any_other(places: Places) -> None:
    manifest = {**pod(), "metadata": {"name": "debugged", "namespace": places.own}}
    assert kubectl("apply", "--filename=-", manifest=manifest).code == 0
    image = "docker.io/library/busybox:latest"
    answer = kubectl("debug", "--namespace", places.own, "debugged", f"--image={image}", "--profile=restricted")
    assert answer.code != 0
    assert f"{places.run}-{IMAGES.name}" in answer.text


def test_a_debug_container_helps_itself_to_no_gpu(places: Places) -> None:
    manifest = {**pod(), "metadata": {"name": "without-gpus", "namespace": places.own}}
    assert kubectl("apply", "--filename=-", manifest=manifest).code == 0
    variable = "--env=NVIDIA_VISIBLE_DEVICES=all"
    answer = kubectl(
        "debug", "--namespace", places.own, "without-gpus", f"--image={IMAGE}", "--profile=restricted", variable
    )
    assert f"{places.run}-{GPUS.name}" in answer.text


def test_what_is_older_than_a_rule_can_still_be_labelled(places: Places) -> None:
    """As a controller does that takes its finalizer off: or the pod would stay for ever."""
    old = apply(places.foreign, PRIVILEGED.violates)
    assert old.code == 0, old.text
    name = old.text.split()[0]
    taken = kubectl("label", "namespace", places.foreign, f"{PLATFORM_LABEL}={places.run}")
    assert taken.code == 0, taken.text
    try:
        eventually(lambda: f"{places.run}-{PRIVILEGED.name}" in apply(places.foreign, PRIVILEGED.violates).text)
        changed = kubectl("label", "--namespace", places.foreign, name, "kept=yes")
        assert changed.code == 0, changed.text
    finally:
        kubectl("label", "namespace", places.foreign, f"{PLATFORM_LABEL}-")


ELSEWHERE = {"digest-of-the-account": IMAGES.name}
"""The pack takes the registry of any account, the cluster just its own stack's."""
DEBUGGED = {"debug-container-without-any", "gpu-for-a-debug-container"}
"""Kubernetes takes no pod that has one from the beginning."""
NOT_YET = {"image-as-a-volume", "own-image-as-a-volume"}
"""Of a later version of Kubernetes."""


@pytest.mark.parametrize("name", sorted(PODS.keys() - DEBUGGED - NOT_YET))
def test_cluster_and_pack_judge_alike(places: Places, name: str) -> None:
    manifest, expected = PODS[name]
    expected = ELSEWHERE.get(name, expected)
    answer = apply(places.own, manifest, "--dry-run=server")
    refusing = set(re.findall(rf"ValidatingAdmissionPolicy '{places.run}-([\w-]+)'", answer.text))
    assert refusing == ({expected} if expected else set()), answer.text
    assert (answer.code == 0) is (expected is None), answer.text

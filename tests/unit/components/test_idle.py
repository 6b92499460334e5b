"""Idle GPUs: what a job declares reaches Prometheus, and no run starts again because of it."""

from __future__ import annotations

import json
from typing import Any

import yaml

from infra.catalogue.names import STOPPED_ANNOTATION
from tests.unit.components.recorder import Recorder, inputs, platform, run
from tests.unit.declaration.samples import REPOSITORY, on_aws

IDLE = {"gpuBelow": "5%", "for": "10m", "then": "notify"}
JOB = {"team": "vision", "image": "training", "model": "digits", "pool": "a10g", "gpus": 1, "timeout": "2h"}


QUOTA = {"cpu": 64, "memory": "256Gi"}
TEAMS = {
    "vision": {"quota": {**QUOTA, "gpus": 2}, "queue": {"gpus": {"a10g": 2}}},
    "speech": {"quota": QUOTA},
}
POLICY = "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy"
RBAC = "kubernetes:rbac.authorization.k8s.io/v1:"


def stack(**job: object) -> Recorder:
    return platform(on_aws(training={"digits": {**JOB, **job}}, monitoring={}))


def queued(then: str) -> Recorder:
    training = {"digits": {**JOB, "idle": {**IDLE, "then": then}}}
    return platform(on_aws(training=training, teams=TEAMS, monitoring={}, queues={}))


def recorded(recorder: Recorder) -> list[dict[str, Any]]:
    rules = inputs(recorder, "kubernetes:core/v1:ConfigMap", "prometheus")["data"]["rules.yml"]
    (found,) = [group["rules"] for group in yaml.safe_load(rules)["groups"] if group["name"] == "recorded"]
    return [rule for rule in found if rule["record"].startswith("workload:idle")]


def test_the_limits_of_a_job_are_recorded_for_its_pods() -> None:
    found = stack(idle=IDLE)
    marks = run(found, "digits").inputs["spec"]["template"]["metadata"]["labels"]
    labels = {
        "namespace": "vision",
        "component": marks["app.kubernetes.io/component"],
        "workload": marks["app.kubernetes.io/name"],
    }
    assert recorded(found) == [
        {"record": "workload:idle_below:percent", "expr": "vector(5)", "labels": labels},
        {"record": "workload:idle_for:seconds", "expr": "vector(600)", "labels": {**labels, "then": "notify"}},
    ]
    assert recorded(stack()) == []


def test_another_limit_is_no_reason_to_train_again() -> None:
    assert len({run(found, "digits").name for found in (stack(), stack(idle=IDLE))}) == 1


def test_what_stops_runs_exists_only_where_some_are_stopped() -> None:
    found = queued("notify")
    assert [each for each in found.resources if "run-stopper" in json.dumps([each.name, each.inputs])] == []


def test_what_stops_runs_changes_workloads_of_teams_that_declare_it_and_nothing_else() -> None:
    found = queued("stop")
    role = inputs(found, f"{RBAC}ClusterRole", "ml-platform-run-stopper")
    assert role["rules"] == [{"apiGroups": ["kueue.x-k8s.io"], "resources": ["workloads"], "verbs": ["list", "patch"]}]
    bound = [each for each in found.resources if "Binding" in each.type and "run-stopper" in json.dumps(each.inputs)]
    assert [(each.type, each.inputs["metadata"]["namespace"]) for each in bound] == [(f"{RBAC}RoleBinding", "vision")]


def test_it_can_not_do_more_to_a_workload_than_stop_it() -> None:
    (rule,) = [each for each in queued("stop").resources if (each.type, each.name) == (POLICY, "stopped-runs")]
    spec = rule.inputs["spec"]
    assert spec["matchConditions"][0]["expression"] == (
        "request.userInfo.username == 'system:serviceaccount:ml-platform:run-stopper'"
    )
    assert spec["matchConstraints"]["resourceRules"][0]["resources"] == ["workloads"]
    assert "!object.spec.?active.orValue(true)" in spec["validations"][0]["expression"]


def test_the_image_writes_the_annotation_that_the_status_reads() -> None:
    source = (REPOSITORY / "images/controllers/controllers/idle_runs.py").read_text()
    assert f'"{STOPPED_ANNOTATION}"' in source

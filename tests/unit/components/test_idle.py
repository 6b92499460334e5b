"""Idle GPUs: what a job declares reaches Prometheus, and no run starts again because of it."""

from __future__ import annotations

from typing import Any

import yaml

from tests.unit.components.recorder import Recorder, inputs, platform, run
from tests.unit.declaration.samples import on_aws

IDLE = {"gpuBelow": "5%", "for": "10m", "then": "notify"}
JOB = {"team": "vision", "image": "training", "model": "digits", "pool": "a10g", "gpus": 1, "timeout": "2h"}


def stack(**job: object) -> Recorder:
    return platform(on_aws(training={"digits": {**JOB, **job}}, monitoring={}))


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
        {"record": "workload:idle_for:seconds", "expr": "vector(600)", "labels": labels},
    ]
    assert recorded(stack()) == []


def test_another_limit_is_no_reason_to_train_again() -> None:
    assert len({run(found, "digits").name for found in (stack(), stack(idle=IDLE))}) == 1

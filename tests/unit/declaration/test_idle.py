"""Idle GPUs: what could never be found idle is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.catalogue.alerts.idle import IdleLimit
from infra.declaration.idle_rules import idle_limits
from infra.declaration.loader import declare
from tests.unit.declaration.samples import GONE, WHERE, in_cluster, on_aws, refusal, refused

IDLE = {"gpuBelow": "5%", "for": "30m", "then": "notify"}
JOB = {"team": "vision", "image": "training", "model": "digits", "pool": "a10g", "gpus": 1, "timeout": "2h"}


def declared(idle: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    job = {**JOB, "idle": {**IDLE, **(idle or {})}, **changes}
    kept = {key: value for key, value in job.items() if value is not GONE}
    return on_aws(training={"digits": kept}, monitoring={})


def test_limits_are_those_that_are_declared(root: Path) -> None:
    sections = {
        "training": {"digits": {**JOB, "idle": IDLE}},
        "batch": {
            "nightly": {
                "team": "speech",
                "image": "training",
                "pool": "h100",
                "gpus": 8,
                "idle": {**IDLE, "gpuBelow": "0.5%", "for": "2m"},
            }
        },
        "monitoring": {},
    }
    assert idle_limits(declare(on_aws(**sections), WHERE, root)) == [
        IdleLimit("vision", "training", "digits", 5, 1800, "notify"),
        IdleLimit("speech", "batch", "nightly", 0.5, 120, "notify"),
    ]


@pytest.mark.parametrize("value", [5, "5", "5 %", "-1%", "five", "1e1%", None, True])
def test_a_percentage_has_its_sign(root: Path, value: object) -> None:
    (line,) = refusal(root, declared({"gpuBelow": value}))
    assert "training.digits.idle.gpuBelow: " in line
    assert "write a number with its sign, such as 5%" in line


@pytest.mark.parametrize("value", ["0%", "0.0%", "100%", "101%"])
def test_a_percentage_is_between_none_and_all(root: Path, value: str) -> None:
    assert refusal(root, declared({"gpuBelow": value})) == [
        f"{WHERE}: platform.training.digits.idle.gpuBelow: {value} is out of range; write a percentage above 0% and "
        "below 100%"
    ]


@pytest.mark.parametrize(
    ("monitoring", "time", "message"),
    [
        ({}, "119s", "119 s hold fewer than 4 samples at a scrapeInterval of 30 s; write at least 120s"),
        (
            {"scrapeInterval": "1m"},
            "3m",
            "180 s hold fewer than 4 samples at a scrapeInterval of 60 s; write at least 240s",
        ),
        (
            {},
            "2h",
            "7200 s are not less than the job's timeout of 7200 s, which ends it before; write less, or raise "
            "training.digits.timeout",
        ),
    ],
)
def test_a_time_that_can_not_pass_is_refused(root: Path, monitoring: dict[str, Any], time: str, message: str) -> None:
    assert refusal(root, {**declared({"for": time}), "monitoring": monitoring}) == [
        f"{WHERE}: platform.training.digits.idle.for: {message}"
    ]


def test_without_gpus_none_is_idle(root: Path) -> None:
    assert refusal(root, declared(pool=GONE, gpus=GONE)) == [
        f"{WHERE}: platform.training.digits.idle: the job has no GPUs; write training.digits.gpus, or remove this"
    ]


def test_without_monitoring_nothing_measures_them(root: Path) -> None:
    assert refusal(root, on_aws(training={"digits": {**JOB, "idle": IDLE}})) == [
        f"{WHERE}: platform.training.digits.idle: does nothing without 'monitoring', which measures GPUs; declare it, "
        "or remove this"
    ]


def test_simulated_gpus_are_never_idle(root: Path) -> None:
    assert refused(root, training={"digits": {**JOB, "idle": IDLE}}, serving={}, monitoring={}) == [
        f"{WHERE}: platform.training.digits.idle: pods are never executed on simulated nodes, so that their GPUs are "
        "never idle; remove it"
    ]


def test_each_setting_is_required(root: Path) -> None:
    assert refusal(root, on_aws(training={"digits": {**JOB, "idle": {}}}, monitoring={})) == [
        f"{WHERE}: platform.training.digits.idle: missing setting '{name}'" for name in ("gpuBelow", "for", "then")
    ]


def test_a_run_is_stopped_by_its_queue(root: Path) -> None:
    (line,) = refusal(root, declared({"then": "stop"}))
    assert line == (
        f"{WHERE}: platform.training.digits.idle.then: runs are stopped by the queue that they wait in, and there are "
        "no queues; declare 'queues', or write 'notify'"
    )


def test_an_existing_cluster_has_no_queue_to_stop_runs(root: Path) -> None:
    job = {**JOB, "pool": "l4", "idle": {**IDLE, "then": "stop"}}
    (line,) = refusal(root, in_cluster(training={"digits": job}, monitoring={}))
    assert line.endswith("there are no queues; write 'notify'")


def test_a_stopped_run_would_be_in_the_way_of_a_schedule(root: Path) -> None:
    job = {"team": "vision", "image": "training", "pool": "a10g", "gpus": 1, "idle": {**IDLE, "then": "stop"}}
    quota = {"cpu": 64, "memory": "256Gi"}
    teams = {
        "vision": {"quota": {**quota, "gpus": 2}, "queue": {"gpus": {"a10g": 2}}},
        "speech": {"quota": quota},
    }
    assert refusal(root, on_aws(batch={"nightly": job}, monitoring={}, queues={}, teams=teams)) == [
        f"{WHERE}: platform.batch.nightly.idle.then: a stopped run would keep later ones from starting; write "
        "'notify', and a shorter timeout if runs hang"
    ]

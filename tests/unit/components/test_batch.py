"""Batch jobs: a CronJob for each, with what is declared and what every Job of a team has."""

from __future__ import annotations

from typing import Any

from tests.unit.components.recorder import Recorder, inputs, platform
from tests.unit.declaration.samples import small

JOB = {"team": "vision", "image": "training", "model": "digits", "args": ["--all"]}


def cron_job(**settings: object) -> dict[str, Any]:
    return inputs(stack(**settings), "kubernetes:batch/v1:CronJob", "nightly")


def stack(**settings: object) -> Recorder:
    return platform(small(batch={"nightly": {**JOB, **settings}}))


def test_a_schedule_has_its_time_zone_and_its_policy() -> None:
    spec = cron_job(schedule="0 3 * * mon-fri", timeZone="Europe/Berlin", concurrencyPolicy="Replace")["spec"]
    assert (spec["schedule"], spec["timeZone"], spec["suspend"]) == ("0 3 * * mon-fri", "Europe/Berlin", False)
    assert spec["concurrencyPolicy"] == "Replace"
    assert (spec["successfulJobsHistoryLimit"], spec["failedJobsHistoryLimit"]) == (3, 3)
    assert spec["startingDeadlineSeconds"] == 600


def test_without_a_schedule_it_runs_on_demand_only() -> None:
    assert cron_job()["spec"]["suspend"] is True


def test_its_pods_are_those_of_any_job_of_the_team() -> None:
    job = cron_job(timeout="2h", retries=2)["spec"]["jobTemplate"]["spec"]
    pod = job["template"]["spec"]
    assert job["backoffLimit"] == 2
    assert [rule["action"] for rule in job["podFailurePolicy"]["rules"]] == ["Ignore"]
    assert (pod["activeDeadlineSeconds"], pod["restartPolicy"]) == (7200, "Never")
    assert pod["priorityClassName"] == "ml-platform-training"
    env = {each["name"]: each["value"] for each in pod["containers"][0]["env"]}
    assert env["MODEL_URI"] == "models:/digits@champion"
    assert pod["containers"][0]["args"] == ["--all"]


def test_the_outputs_say_what_to_start() -> None:
    assert stack(schedule="@daily").outputs["batch"] == {
        "nightly": {"namespace": "vision", "cron_job": "nightly", "schedule": "@daily", "simulated": False}
    }

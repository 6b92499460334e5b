"""Batch jobs: what cron and Kubernetes refuse is refused at its path."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.declaration.samples import accepted, refused

JOB = {"team": "vision", "image": "training"}
FIVE = (
    "is not a schedule; write five fields such as '0 3 * * mon' (minute, hour, day of month, month, day of week), or "
    "one of @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly"
)
HOW = "'*', lists (1,2), ranges (1-5) or steps (*/15)"


@pytest.mark.parametrize(
    "schedule",
    ["0 3 * * *", "*/15 8-18 * * mon-fri", "0 0 1,15 JAN-jun ?", "@daily", "5/10 * * * SUN", "0-30/10 * * * 0,6"],
)
def test_schedules_of_cron_are_accepted(root: Path, schedule: str) -> None:
    assert accepted(root, batch={"nightly": {**JOB, "schedule": schedule}}).batch["nightly"].schedule == schedule


@pytest.mark.parametrize(
    ("schedule", "why"),
    [
        ("0 3 * *", f"'0 3 * *' {FIVE}"),
        ("0 0 3 * * *", f"'0 0 3 * * *' {FIVE}"),
        ("@noon", f"'@noon' {FIVE}"),
        ("TZ=UTC 0 3 * * *", f"'TZ=UTC 0 3 * * *' {FIVE}"),
        ("60 3 * * *", f"'60 3 * * *': '60' is no minute; write numbers from 0 to 59, {HOW}"),
        ("0 3 * * 7", f"'0 3 * * 7': '7' is no day of week; write numbers from 0 to 6, {HOW}"),
        ("0 3 0 * *", f"'0 3 0 * *': '0' is no day of month; write numbers from 1 to 31, {HOW}"),
        ("*/0 3 * * *", f"'*/0 3 * * *': '*/0' is no minute; write numbers from 0 to 59, {HOW}"),
        ("0 18-8 * * *", f"'0 18-8 * * *': '18-8' is no hour; write numbers from 0 to 23, {HOW}"),
        ("0 3 * foo *", f"'0 3 * foo *': 'foo' is no month; write numbers from 1 to 12, {HOW}"),
    ],
)
def test_others_are_refused(root: Path, schedule: str, why: str) -> None:
    path = "platform.batch.nightly.schedule"
    assert refused(root, batch={"nightly": {**JOB, "schedule": schedule}}) == [f"Pulumi.dev.yaml: {path}: {why}"]


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (
            {"schedule": "@daily", "timeZone": "Mars/Olympus"},
            "timeZone: 'Mars/Olympus' is no time zone of IANA's database; write one such as Europe/Berlin",
        ),
        ({"timeZone": "Europe/Berlin"}, "timeZone: does nothing without 'schedule'; write one, or remove this"),
        ({"startingDeadline": "1h"}, "startingDeadline: does nothing without 'schedule'; write one, or remove this"),
        ({"team": "visoin"}, "team: team 'visoin' is not declared; did you mean 'vision'?"),
        ({"model": "digit"}, "model: model 'digit' is not declared; did you mean 'digits'?"),
        ({"gpus": 1}, "gpus: only node pools have GPUs; write 'pool' with the name of one"),
        (
            {"pool": "a10g", "gpus": 9},
            "gpus: 9 is more than a node of pool 'a10g' has (1); write at most 1, or another pool",
        ),
    ],
)
def test_settings_that_can_not_work_are_refused(root: Path, settings: dict[str, object], line: str) -> None:
    found = refused(root, batch={"nightly": {**JOB, **settings}})
    assert f"Pulumi.dev.yaml: platform.batch.nightly.{line}" in found


def test_its_pods_count_in_the_team_s_quota(root: Path) -> None:
    quota = {"cpu": 1, "memory": "64Gi"}
    job = {**JOB, "resources": {"cpu": 32, "memory": "1Gi"}}
    (line,) = refused(root, **{"teams.vision.quota": quota, "batch": {"nightly": job}})
    assert line.startswith("Pulumi.dev.yaml: platform.teams.vision.quota.cpu: 1 is less than")


def test_declared_scratch_is_within_the_quota_of_disk(root: Path) -> None:
    quota = {"cpu": 64, "memory": "64Gi", "pods": 20}
    job = {**JOB, "resources": {"scratch": "100Gi"}}
    assert refused(root, **{"teams.vision.quota": quota, "batch": {"nightly": job}}) == [
        "Pulumi.dev.yaml: platform.teams.vision.quota.pods: 20 also allows 20Gi of scratch in all, and the team's "
        "workloads declare 105Gi; write at least 105"
    ]

"""The daily workflow: what its jobs may do, and the one issue that they keep for each stack."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.drift import __main__ as pipeline
from cli.drift import issue
from cli.drift.report import Drift, Report
from common.errors import CommandError
from tests.unit.declaration.samples import REPOSITORY

FILE = REPOSITORY / ".github" / "workflows" / "drift.yml"
WORKFLOW: dict[Any, Any] = yaml.safe_load(FILE.read_text())
JOBS: dict[str, dict[str, Any]] = WORKFLOW["jobs"]
OTHER = {"number": 3, "title": "Drift in development"}
OURS = {"number": 7, "title": "Drift in dev"}
AGAIN = {"number": 9, "title": "Drift in dev"}


def gh(body: str, *opened: dict[str, object]) -> list[str]:
    return [" ".join(arguments) for arguments, _ in issue.commands("dev", body, opened)]


def test_the_first_drift_opens_an_issue_and_later_ones_update_it() -> None:
    created = "issue create --title Drift in dev --label drift --body-file -"
    assert gh("report", OTHER)[1:] == [created]
    assert gh("report", OTHER)[0].startswith("label create drift --force")
    assert gh("report", OTHER, OURS) == ["issue edit 7 --body-file -"]
    assert [stdin for _, stdin in issue.commands("dev", "report", [OURS])] == ["report"]


def test_an_issue_is_closed_when_the_drift_is_gone_and_there_is_never_a_second_one() -> None:
    assert gh("", OTHER) == []
    assert gh("", OTHER, OURS) == ["issue close 7 --comment The drift is gone."]
    assert gh("report", AGAIN, OURS) == ["issue edit 7 --body-file -", "issue close 9 --comment Continued in #7."]


def test_what_was_not_compared_touches_no_issue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(pipeline.FOUND, raising=False)
    with pytest.raises(CommandError, match="neither true nor false"):
        pipeline._issue("dev")


def test_a_comparison_is_handed_over_to_the_job_that_writes_the_issue(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    report = Report("dev", 2, [Drift("deleted", "Service vision/digits", fix="do this")])
    monkeypatch.setattr(pipeline, "compare", lambda name: report)
    monkeypatch.setattr(pipeline, "_log_in", lambda name: None)
    for variable in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    assert pipeline._compare("dev") == 0, "drift is no failed run"
    written = (tmp_path / "GITHUB_OUTPUT").read_text()
    handed = re.fullmatch(r"drift=true\nreport<<([0-9a-f]{32})\n(.*)\n\1\n", written, re.DOTALL)
    assert handed is not None
    assert handed[2] == (tmp_path / "GITHUB_STEP_SUMMARY").read_text()
    assert pipeline.outputs(report, "x") != pipeline.outputs(report, "x"), "the end of the report can't be guessed"


def test_an_issue_says_where_its_report_is_from() -> None:
    run = {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "o/n", "GITHUB_RUN_ID": "5"}
    assert pipeline.body({**run, "REPORT": "text"}) == "text\n\n<sub>https://github.com/o/n/actions/runs/5</sub>\n"
    assert pipeline.body({}) == "The report is in the summary of the workflow run.\n"


def test_it_runs_daily_and_never_for_a_pull_request() -> None:
    assert set(WORKFLOW[True]) == {"schedule", "workflow_dispatch"}  # YAML reads the key `on` so
    ((cron,),) = [each.values() for each in WORKFLOW[True]["schedule"]]
    assert re.fullmatch(r"\d+ \d+ \* \* \*", cron)


def test_only_the_job_without_access_to_stacks_may_write_issues() -> None:
    assert WORKFLOW["permissions"] == {}
    assert {name: job["permissions"] for name, job in JOBS.items()} == {
        "dev": {"contents": "read"},
        "prod": {"contents": "read", "id-token": "write"},
        "issue": {"contents": "read", "issues": "write"},
    }
    assert JOBS["issue"]["runs-on"] == "ubuntu-24.04"
    seeing = [step["name"] for job in JOBS.values() for step in job["steps"] if "github.token" in str(step)]
    assert seeing == ["Track"]


def test_prod_is_compared_with_a_role_of_its_own_if_there_is_one() -> None:
    deploy = yaml.safe_load((FILE.parent / "deploy.yml").read_text())["jobs"]
    assert JOBS["prod"]["if"] == "${{ vars.DRIFT_ROLE_ARN != '' }}"
    assert JOBS["prod"]["environment"] != deploy["prod"]["environment"], "each run would wait for an approval"
    for stack in ("dev", "prod"):
        assert JOBS[stack]["runs-on"] == deploy[stack]["runs-on"]
        assert JOBS[stack].get("env") == deploy[stack].get("env")
    (login,) = [step for step in JOBS["prod"]["steps"] if "role-to-assume" in step.get("with", {})]
    assert login["with"]["role-to-assume"] == "${{ vars.DRIFT_ROLE_ARN }}"


def test_every_stack_that_is_compared_has_its_issue() -> None:
    job = JOBS["issue"]
    compared = [name for name in JOBS if name != "issue"]
    assert job["needs"] == job["strategy"]["matrix"]["stack"] == compared
    for name in compared:
        assert set(JOBS[name]["outputs"]) == {"drift", "report"}
        assert JOBS[name]["steps"][-1]["run"] == f".venv/bin/python -m cli.drift compare --stack {name}"


def test_its_actions_are_those_of_the_other_workflows() -> None:
    used = re.findall(r"uses: (.*)", FILE.read_text())
    known = {
        line
        for file in FILE.parent.glob("*.yml")
        if file != FILE
        for line in re.findall(r"uses: (.*)", file.read_text())
    }
    assert used
    assert set(used) <= known

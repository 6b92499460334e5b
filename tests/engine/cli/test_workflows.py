"""The workflows: what they may do, and what they are made of."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.examples import PROD, validated
from tests.unit.declaration.samples import REPOSITORY

FOLDER = REPOSITORY / ".github" / "workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))
PINNED = re.compile(r"^\s*- uses: [\w.-]+(/[\w.-]+)+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
OWN = re.compile(r"^    uses: ./.github/workflows/(\w+)\.yml$")
"""Of the same commit as whoever calls it."""
OURS = ("make ", ".venv/bin/python -m cli", "cat preview.md >>")
CLOUD = "aws-actions/configure-aws-credentials@"


def read(name: str) -> dict[Any, Any]:
    return dict(yaml.safe_load((FOLDER / f"{name}.yml").read_text()))


def steps(workflow: dict[Any, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job.get("steps", [])]


def test_there_are_four() -> None:
    assert [file.stem for file in WORKFLOWS] == ["deploy", "drift", "preview", "test"]


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_every_action_is_pinned_by_hash_and_says_its_version(file: Path) -> None:
    used = [line for line in file.read_text().splitlines() if "uses:" in line]
    assert used
    assert [line for line in used if not PINNED.match(line) and not OWN.match(line)] == []
    assert all((FOLDER / f"{own[1]}.yml").exists() for own in map(OWN.match, used) if own)


def test_an_action_has_one_version_everywhere() -> None:
    used = {step["uses"] for file in WORKFLOWS for step in steps(read(file.stem)) if "uses" in step}
    assert len(used) == len({action.partition("@")[0] for action in used})


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_every_command_is_one_line_that_runs_anywhere(file: Path) -> None:
    commands = [step["run"] for step in steps(read(file.stem)) if "run" in step]
    assert [one for one in commands if not one.startswith(OURS) or "\n" in one or "${{" in one] == []


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_nothing_is_allowed_but_what_a_job_asks_for(file: Path) -> None:
    workflow = read(file.stem)
    assert workflow["permissions"] == {}
    jobs = workflow["jobs"].values()
    assert [job for job in jobs if "permissions" not in job] == []
    assert [job for job in jobs if "timeout-minutes" not in job and "uses" not in job] == [], "GitHub waits for hours"


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_no_checkout_leaves_its_token_behind(file: Path) -> None:
    checkouts = [step for step in steps(read(file.stem)) if "actions/checkout@" in step.get("uses", "")]
    assert len(checkouts) == len([job for job in read(file.stem)["jobs"].values() if "steps" in job])
    assert [step for step in checkouts if step["with"].get("persist-credentials") is not False] == []


def triggers(workflow: str) -> list[str]:
    return list(read(workflow)[True])  # YAML reads the key `on` so


def test_a_preview_has_no_way_into_the_cloud() -> None:
    job = read("preview")["jobs"]["preview"]
    assert triggers("preview") == ["pull_request"]
    assert job["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert CLOUD not in str(job)
    assert "secrets." not in (FOLDER / "preview.yml").read_text()


def test_a_pull_request_of_our_own_may_ask_the_account_and_nothing_else() -> None:
    job = read("preview")["jobs"]["preflight"]
    assert "vars.PREVIEW_ROLE_ARN != ''" in job["if"]
    assert "head.repo.full_name == github.repository" in job["if"]
    assert job["permissions"] == {"contents": "read", "id-token": "write"}
    assert [step["run"] for step in job["steps"] if "run" in step] == ["make preflight STACK=prod"]
    (login,) = [step for step in job["steps"] if CLOUD in step.get("uses", "")]
    assert login["with"]["role-to-assume"] == "${{ vars.PREVIEW_ROLE_ARN }}"


def test_what_is_deployed_has_passed_the_tests_of_pull_requests() -> None:
    jobs = read("deploy")["jobs"]
    assert triggers("test") == ["pull_request", "workflow_call"]
    assert jobs["test"] == {"uses": "./.github/workflows/test.yml", "permissions": {"contents": "read"}}
    assert jobs["dev"]["needs"] == "test"
    (job,) = read("test")["jobs"].values()
    assert job["permissions"] == {"contents": "read"}
    assert [step["run"] for step in job["steps"] if "run" in step] == ["make test FLAKY=3"]
    assert [step["with"]["python-version"] for step in job["steps"] if "setup-python@" in step.get("uses", "")] == [
        tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["requires-python"].removeprefix(">=")
    ]


def test_what_others_write_runs_on_no_machine_of_ours() -> None:
    for workflow in ("preview", "test"):
        assert {job["runs-on"] for job in read(workflow)["jobs"].values()} == {"ubuntu-24.04"}


def test_prod_is_deployed_from_a_machine_that_its_api_answers() -> None:
    assert read("deploy")["jobs"]["prod"]["runs-on"] == "${{ vars.PROD_RUNNER || 'ubuntu-24.04' }}"


def test_only_the_step_that_comments_sees_a_token() -> None:
    seeing = [step["name"] for step in steps(read("preview")) if "token" in str(step).lower()]
    assert seeing == ["Comment"]


def test_prod_follows_dev_behind_an_approval_with_a_role_of_its_own() -> None:
    jobs = read("deploy")["jobs"]
    prod = jobs["prod"]
    assert (prod["needs"], prod["environment"]) == ("dev", "prod")
    assert prod["permissions"] == {"contents": "read", "id-token": "write"}
    assert "id-token" not in jobs["dev"]["permissions"]
    (login,) = [step for step in prod["steps"] if CLOUD in step.get("uses", "")]
    assert set(login["with"]) == {"role-to-assume", "aws-region", "role-duration-seconds"}
    assert "secrets." not in (FOLDER / "deploy.yml").read_text()


def test_every_variable_that_somebody_must_set_is_explained() -> None:
    used = {name for file in WORKFLOWS for name in re.findall(r"vars\.(\w+)", file.read_text())}
    text = (REPOSITORY / "docs" / "pull-requests.md").read_text()
    rows = [line for line in text.splitlines() if line.lstrip().startswith("| `")]
    assert used == {name for row in rows for name in re.findall(r"`([A-Z]+_[A-Z_]+)`", row)}
    linted = yaml.safe_load((REPOSITORY / ".github" / "actionlint.yaml").read_text())
    assert used == set(linted["config-variables"])


def test_the_approval_is_the_one_that_the_deploy_role_trusts() -> None:
    aws = validated(PROD).foundation.aws
    assert aws is not None and aws.ci is not None
    assert aws.ci.environment == read("deploy")["jobs"]["prod"]["environment"]


def test_updates_of_one_stack_never_overlap() -> None:
    jobs = read("deploy")["jobs"]
    updates = [jobs[stack]["concurrency"] for stack in ("dev", "prod")]
    assert [each["group"] for each in updates] == ["deploy-dev", "deploy-prod"]
    assert not any(each["cancel-in-progress"] for each in updates)
    assert read("preview")["concurrency"]["cancel-in-progress"]
    assert "github.run_id" in read("test")["concurrency"]["group"], "or a push ends the tests of the one before it"


def test_every_make_target_exists() -> None:
    used = {word for file in WORKFLOWS for word in re.findall(r"run: make (?:-s )?(\w+)", file.read_text())}
    known = set(re.findall(r"^(\w+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    assert used == {"comment", "preflight", "setup", "test", "up"}
    assert used <= known

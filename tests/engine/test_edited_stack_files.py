"""Users edit their stack files: no unit test may depend on what is in them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from infra.declaration.loader import load
from tests.edited_stack_files import RENAMED, edit
from tests.project_copy import copy_project, use_this_environment

CHANGED: tuple[str, ...] = (
    "foundation.aws.region",
    "foundation.aws.account",
    "foundation.aws.network.zones",
    "teams",
    "teams.*.quota",
    "nodePools",
    "images",
    "monitoring",
)


@pytest.fixture(scope="module")
def edited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with edited stack files."""
    project = copy_project(tmp_path_factory.mktemp("edited"))
    use_this_environment(project)
    edit(project)
    return project


def values(file: Path, path: str) -> object:
    found = [yaml.safe_load(file.read_text())["config"]["ml-platform:platform"]]
    for key in path.split("."):
        found = [each for one in found for each in (one.values() if key == "*" else [one[key]])]
    return found


@pytest.mark.parametrize("path", CHANGED)
def test_everything_is_changed(edited: Path, path: str) -> None:
    for stack in ("dev", "prod") if "aws" not in path else ("prod",):
        assert values(edited / f"Pulumi.{stack}.yaml", path) != values(edited / f"tests/examples/{stack}.yaml", path)


def test_the_edited_files_are_valid_and_keep_no_old_name(edited: Path) -> None:
    for file in edited.glob("Pulumi.*.yaml"):
        assert load(file).teams
        assert [old for old in RENAMED if f" {old}" in file.read_text()] == []


def test_unit_tests_pass_with_edited_stack_files(edited: Path) -> None:
    """Those that read them. Any other one that does fails where it runs: `tests/unit/conftest.py`."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "users_files", "tests/unit"]
    done = subprocess.run(command, cwd=edited, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr

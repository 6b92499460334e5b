"""The workflows are linted: keys, expressions, permissions, jobs that others need, labels of runners, variables."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from offline.go_tools import ACTIONLINT
from tests.unit.declaration.samples import REPOSITORY


@pytest.fixture(scope="module")
def actionlint() -> Path:
    if shutil.which("go") is None:
        pytest.skip("actionlint is built from its Go module: needs go")
    ACTIONLINT.build(lambda _: None, ["actionlint"])
    return ACTIONLINT.program("actionlint")


def lint(actionlint: Path, project: Path) -> list[str]:
    """A line for each mistake, without the checks that need programs beside it."""
    (project / ".git").mkdir(exist_ok=True)  # how actionlint finds a project's root
    command = [str(actionlint), "-oneline", "-no-color", "-shellcheck=", "-pyflakes="]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout.splitlines()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(REPOSITORY / ".github", tmp_path / ".github")
    return tmp_path


def test_the_workflows_have_no_mistakes(actionlint: Path, project: Path) -> None:
    assert lint(actionlint, project) == []


@pytest.mark.parametrize(
    ("workflow", "right", "wrong", "complaint"),
    [
        ("preview", "timeout-minutes: 30", "timeout-minute: 30", 'unexpected key "timeout-minute"'),
        ("preview", "pull-requests: write", "pull-request: write", 'unknown permission scope "pull-request"'),
        (
            "preview",
            "full_name == github.repository }}",
            "full_name == github.repo }}",
            'property "repo" is not defined',
        ),
        ("preview", "vars.PREVIEW_ROLE_ARN", "vars.PREVIEW_ROLE", 'undefined configuration variable "preview_role"'),
        ("deploy", "needs: dev", "needs: develop", 'needs job "develop" which does not exist'),
        ("deploy", "ml-platform-dev]", "ml-platform-def]", 'label "ml-platform-def" is unknown'),
        ("drift", "steps.compare.outputs", "steps.compared.outputs", 'property "compared" is not defined'),
        ("drift", "17 5 * * *", "17 25 * * *", 'invalid CRON format "17 25 * * *"'),
    ],
)
def test_a_mistake_is_found(
    workflow: str, right: str, wrong: str, complaint: str, actionlint: Path, project: Path
) -> None:
    file = project / ".github" / "workflows" / f"{workflow}.yml"
    text = file.read_text()
    assert right in text
    file.write_text(text.replace(right, wrong, 1))
    (found,) = lint(actionlint, project)
    assert found.startswith(f".github/workflows/{workflow}.yml:")
    assert complaint in found

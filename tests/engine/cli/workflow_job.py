"""Runs the commands of a workflow's job in a scratch repository, as GitHub does: in order, each if its condition holds.

Steps that use an action are not run: the checkout is made by `Clone`, and tools are those of this machine.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.project_copy import copy_project, use_this_environment

REPOSITORY = "o/n"
_EXPRESSION = re.compile(r"^\$\{\{ (.+) \}\}$")


@dataclass(frozen=True)
class Clone:
    """A checkout as GitHub makes it for a pull request: a merge whose first parent is the base."""

    folder: Path
    environment: Mapping[str, str]

    @classmethod
    def of_this_project(cls, origin: Path, folder: Path, state: Path) -> Clone:
        """Its stack files are the examples."""
        copy_project(origin)
        hidden = ("PULUMI_", "AWS_", "GITHUB_")
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(hidden)}
        made = cls(folder, inherited | {"XDG_STATE_HOME": str(state)})
        for arguments in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message=base"]):
            made.git("-C", str(origin), *arguments)
        made.git("clone", "--quiet", str(origin), ".")
        (folder / ".git" / "info" / "exclude").write_text(".venv\npreview.md\n")
        use_this_environment(folder)
        return made

    def git(self, *arguments: str) -> None:
        identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
        subprocess.run(["git", *identity, *arguments], cwd=self.folder, check=True, capture_output=True)

    def change(self, edits: Mapping[str, tuple[tuple[str, str], ...]]) -> None:
        """One commit after the base: in each file, some texts replaced by others."""
        self.git("reset", "--quiet", "--hard", "origin/HEAD")
        for name, replacements in edits.items():
            file = self.folder / name
            text = file.read_text()
            for old, new in replacements:
                assert text.count(old) == 1, f"{name}: {old!r} is there {text.count(old)} times"
                text = text.replace(old, new)
            file.write_text(text)
        self.git("commit", "--quiet", "--all", "--message=change")


@dataclass(frozen=True)
class PullRequest:
    """What GitHub tells a workflow of a pull request."""

    api: str
    head: str = REPOSITORY
    """The repository that its branch is in."""

    def contexts(self) -> dict[str, str]:
        return {
            "github.event.pull_request.head.repo.full_name": self.head,
            "github.event.pull_request.number": "7",
            "github.repository": REPOSITORY,
            "github.token": "a-token" if self.head == REPOSITORY else "a-token-that-only-reads",
            "vars.PREVIEW_ROLE_ARN": "arn:aws:iam::123456789012:role/preview",
        }


@dataclass(frozen=True)
class Ran:
    """How a job ended."""

    passed: bool
    steps: tuple[str, ...]
    """Those that ran."""
    errors: str


def run(job: Mapping[str, Any], clone: Clone, request: PullRequest, summary: Path) -> Ran:
    """Run the commands of a job; `summary` is the page of the run."""
    contexts, passed, ran, errors = request.contexts(), True, [], ""
    given = {"GITHUB_API_URL": request.api, "GITHUB_REPOSITORY": REPOSITORY, "GITHUB_STEP_SUMMARY": str(summary)}
    for step in job["steps"]:
        if "run" not in step or not holds(step.get("if", "${{ success() }}"), contexts, passed=passed):
            continue
        own = {name: _value(text, contexts) for name, text in step.get("env", {}).items()}
        done = subprocess.run(
            ["bash", "-e", "-c", step["run"]],
            cwd=clone.folder,
            env={**clone.environment, **given, **own},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        passed = passed and done.returncode == 0
        ran.append(step["name"])
        errors += done.stderr
    return Ran(passed, tuple(ran), errors)


def holds(condition: str, contexts: Mapping[str, str], *, passed: bool = True) -> bool:
    """Whether a condition of the kind that these workflows have is true: comparisons that are joined by `&&`."""
    expression = _EXPRESSION.match(condition)
    assert expression is not None, condition
    return all(_is_true(part, contexts, passed) for part in expression[1].split(" && "))


def _is_true(part: str, contexts: Mapping[str, str], passed: bool) -> bool:
    if part in ("success()", "!cancelled()"):
        return passed or part == "!cancelled()"
    left, operator, right = part.split(" ")
    equal = _operand(left, contexts) == _operand(right, contexts)
    return {"==": equal, "!=": not equal}[operator]


def _operand(text: str, contexts: Mapping[str, str]) -> str:
    return text.strip("'") if text.startswith("'") else contexts[text]


def _value(text: str, contexts: Mapping[str, str]) -> str:
    expression = _EXPRESSION.match(text)
    return contexts[expression[1]] if expression else text

"""Plans of a stack from two trees: a checkout of the base commit, and the working tree."""

import filecmp
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cli.pull_request.changes import EMPTY, Plan
from common import run
from common.errors import CommandError


@dataclass(frozen=True)
class Planned:
    """A plan, and why it is incomplete, if it is."""

    plan: Plan
    failure: str = ""


def merge_base(repository: Path, base: str) -> str:
    """The merge base of the head and `base`."""
    try:
        return _git(repository, "merge-base", base, "HEAD")
    except CommandError as error:
        hint = "fetch the base branch with its history, or name another commit with --base"
        raise CommandError(f"no base {base} to compare with", error.why, hint=hint) from None


def changed_files(repository: Path, commit: str) -> list[str]:
    """Files that differ from the commit, including uncommitted and new ones; git quotes names that are not ASCII."""
    tracked = _git(repository, "diff", "--name-only", "--no-renames", commit)
    new = _git(repository, "ls-files", "--others", "--exclude-standard")
    return [name.strip('"') for name in [*tracked.splitlines(), *new.splitlines()]]


def write_files(repository: Path, commit: str, target: Path) -> None:
    """Write the files of a commit to the new folder `target`.

    Git sets their modes as in the head: modes are part of an image's build context.
    """
    target.mkdir()
    index = {"GIT_INDEX_FILE": str(target.with_suffix(".index"))}
    _git(repository, "read-tree", commit, environment=index)
    _git(repository, "checkout-index", "--all", f"--prefix={target}/", environment=index)


def lay_out(repository: Path, commit: str, target: Path) -> None:
    """The files of a commit in the new folder `target`, with a virtual environment that matches its lock file."""
    write_files(repository, commit, target)
    if filecmp.cmp(repository / "uv.lock", target / "uv.lock", shallow=False):
        (target / ".venv").symlink_to(repository / ".venv")
    else:
        run.output([target / "cli" / "bootstrap"], cwd=target)


def plan_of(tree: Path, stack: str, environment: Mapping[str, str] | None = None) -> Planned:
    """The plan of one stack by that tree's own code; empty if the stack is not declared there."""
    if not (tree / f"Pulumi.{stack}.yaml").exists():
        return Planned(EMPTY)
    python = str(tree / ".venv" / "bin" / "python")
    command = [python, "-m", "cli", "preview", "--stack", stack, "--json"]
    done = subprocess.run(
        command, cwd=tree, env={**os.environ, **(environment or {})}, capture_output=True, text=True, check=False
    )
    failure = "" if done.returncode == 0 else _complaint(done.stderr) or f"exit code {done.returncode}"
    try:
        plan = json.loads(done.stdout)
    except ValueError:
        return Planned(EMPTY, failure or "its preview printed no plan")
    if not isinstance(plan, dict) or not EMPTY.keys() <= plan.keys():
        return Planned(EMPTY, "its preview printed a plan in another format")
    return Planned(plan, failure)


def _complaint(text: str) -> str:
    """The error at the end of the output, without the progress before it."""
    return text[max(text.rfind("failed "), 0) :].strip()


def _git(repository: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
    command: Sequence[str] = ["git", "-C", str(repository), *arguments]
    return run.output(command, environment=environment).strip()

"""A copy of the project whose stack files are the examples."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from common import paths
from tests.examples import DEV, PROD


def copy_project(target: Path) -> Path:
    """Copy the working tree, uncommitted files included, without its ignored files."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=paths.REPOSITORY, capture_output=True, text=True, check=True).stdout
    for name in filter(lambda name: (paths.REPOSITORY / name).is_file(), listed.splitlines()):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(paths.REPOSITORY / name, target / name)
    for file in target.glob("Pulumi.*.yaml"):
        file.unlink()
    for example in (DEV, PROD):
        shutil.copy2(example, target / f"Pulumi.{example.name}")
    return target


def use_this_environment(project: Path) -> None:
    """Give a copy the Python packages of this project."""
    (project / ".venv").symlink_to(paths.REPOSITORY / ".venv")

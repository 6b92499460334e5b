"""The project's own stack files, whatever users write into them: they can be previewed and violate no policy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.preflight import name_of
from common import paths
from tests.pulumi_engine import find_engine

STACK_FILES = sorted(paths.REPOSITORY.glob("Pulumi.*.yaml"))


@pytest.mark.parametrize("file", STACK_FILES, ids=lambda file: file.name)
def test_a_stack_file_is_previewed_without_a_violated_policy(file: Path, tmp_path: Path) -> None:
    if find_engine() is None:
        pytest.skip("no pulumi on this machine: set ML_PLATFORM_BIN to the folder that holds it")
    done = subprocess.run(
        [sys.executable, "-m", "cli", "preview", "--stack", name_of(file)],
        cwd=paths.REPOSITORY,
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no mandatory policy is violated" in done.stdout

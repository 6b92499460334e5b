"""The engine's debug log: not written, and no command fails for it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from offline.plugins import debug_log
from tests.pulumi_engine import find_engine


def test_a_command_works_without_its_debug_log(tmp_path: Path) -> None:
    engine = find_engine()
    if engine is None:
        pytest.skip("no pulumi on this machine: set ML_PLATFORM_BIN to the folder that holds it")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "pulumi-1.log").write_text("of an earlier command")
    debug_log.prevent(tmp_path)
    debug_log.prevent(tmp_path)
    backend = {"PULUMI_HOME": str(tmp_path), "PULUMI_BACKEND_URL": f"file://{tmp_path}"}
    ended = subprocess.run(
        [engine, "stack", "ls", "--all"], cwd=tmp_path, env={**os.environ, **backend}, capture_output=True
    )
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "logs").is_file()

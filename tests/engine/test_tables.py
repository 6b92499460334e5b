"""Tables that passing tests print reach the terminal."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from common import paths

PASSING = """
from rich.table import Table
from tests.tables import show

def test_passing(pytestconfig):
    show(Table("found", title="tried"), pytestconfig)
"""


def test_a_table_is_shown_by_a_test_that_passes(tmp_path: Path) -> None:
    Path(tmp_path, "test_passing.py").write_text(PASSING)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={tmp_path}", str(tmp_path)]
    done = subprocess.run(command, cwd=paths.REPOSITORY, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout
    assert "tried" in done.stdout
    assert "found" in done.stdout

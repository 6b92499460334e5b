"""Machines that lack something: each command works, or says in one line what is missing and what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from common import versions
from tests.unit.declaration.samples import REPOSITORY

NOWHERE = "/proc/nowhere"
"""Not even root can make a folder there."""


def run(
    command: Sequence[str | Path], variables: Mapping[str, str | None], cwd: Path = REPOSITORY
) -> subprocess.CompletedProcess[str]:
    """With other variables; None removes one."""
    environment: dict[str, str | None] = {**os.environ, **variables}
    present = {name: value for name, value in environment.items() if value is not None}
    return subprocess.run(command, cwd=cwd, env=present, capture_output=True, text=True, check=False)


def python(code: str, **variables: str | None) -> subprocess.CompletedProcess[str]:
    return run([sys.executable, "-c", code], variables)


def program(folder: Path, name: str, body: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)
    return file


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout that has no environment yet, as far as its bootstrap reads it."""
    folder = tmp_path / "checkout"
    (folder / "cli").mkdir(parents=True)
    (folder / ".venv").mkdir()
    for name in ("cli/bootstrap", "versions.toml", "uv.lock"):
        shutil.copy(REPOSITORY / name, folder / name)
    return folder


def bootstrap(checkout: Path, tools: Path, **variables: str | None) -> subprocess.CompletedProcess[str]:
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    return run([checkout / "cli" / "bootstrap"], {"PATH": path, **variables}, checkout)


def own_uv(cache: Path) -> Path:
    """Where the project keeps its uv."""
    return cache / "ml-platform" / f"uv-{versions.UV}" / "bin"


def test_check_needs_no_home() -> None:
    assert run(["make", "-s", "check"], {"HOME": None}).returncode == 0


def test_an_uv_that_is_too_old_is_left_alone(checkout: Path, tmp_path: Path) -> None:
    program(tmp_path / "tools", "uv", 'echo "uv 0.4.30"; [ "$1" = --version ]')
    program(own_uv(tmp_path / "cache"), "uv", 'echo "own $*"')
    done = bootstrap(checkout, tmp_path / "tools", XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "own sync --frozen --quiet --compile-bytecode\n", "")


def test_an_uv_that_is_new_enough_is_used(checkout: Path, tmp_path: Path) -> None:
    program(tmp_path / "tools", "uv", f'[ "$1" = --version ] && echo "uv {versions.UV} (x86_64)" || echo "theirs $1"')
    done = bootstrap(checkout, tmp_path / "tools", XDG_CACHE_HOME=NOWHERE)
    assert (done.returncode, done.stdout, done.stderr) == (0, "theirs sync\n", "")


def test_without_home_the_bootstrap_asks_the_system_for_it(checkout: Path, tmp_path: Path) -> None:
    program(tmp_path / "tools", "uv", "exit 1")
    program(tmp_path / "tools", "getent", f"echo me:x:0:0:me:{tmp_path}/home:/bin/sh")
    program(own_uv(tmp_path / "home" / ".cache"), "uv", 'echo "$HOME"')
    done = bootstrap(checkout, tmp_path / "tools", HOME=None, XDG_CACHE_HOME=None)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{tmp_path}/home\n", "")


def test_a_cache_that_can_not_be_written_is_named(checkout: Path, tmp_path: Path) -> None:
    program(tmp_path / "tools", "uv", "exit 1")
    done = bootstrap(checkout, tmp_path / "tools", XDG_CACHE_HOME=NOWHERE)
    assert done.returncode == 1
    failed = f"failed {own_uv(Path(NOWHERE)).parent} can't be written\n  next set XDG_CACHE_HOME to a folder of yours\n"
    assert done.stderr.endswith(failed)


@pytest.mark.parametrize("variable", ["XDG_CACHE_HOME", "XDG_STATE_HOME"])
def test_a_folder_that_can_not_be_written_is_one_error_of_every_command(tmp_path: Path, variable: str) -> None:
    others = {"XDG_CACHE_HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)}
    done = run([sys.executable, "-m", "cli", "status"], {**others, variable: NOWHERE})
    assert done.returncode == 1
    assert done.stderr == (
        f"failed {NOWHERE}/ml-platform can't be written\n"
        "   why No such file or directory\n"
        f"  next set {variable} to a folder of yours\n"
    )


@pytest.mark.parametrize("home", [None, ""])
def test_without_home_commands_and_what_they_start_have_one(tmp_path: Path, home: str | None) -> None:
    code = "import os; from common.environment import prepare; prepare(); print(os.environ['HOME'])"
    done = python(code, HOME=home)
    assert done.stdout.strip() == str(Path("~root" if os.geteuid() == 0 else "~").expanduser())


def test_a_user_without_a_home_folder_is_told_to_set_one() -> None:
    code = "import pwd, sys; from cli.__main__ import main; pwd.getpwuid = {}.__getitem__; sys.exit(main(['status']))"
    done = python(code, HOME=None, XDG_CACHE_HOME=None)
    assert (done.returncode, done.stderr) == (
        1,
        "failed there is no home folder\n"
        f"   why HOME is not set, and user {os.getuid()} has none\n"
        "  next set HOME to a folder that this user may write\n",
    )


def test_a_terminal_whose_encoding_lacks_a_character_shows_another() -> None:
    done = python("from common.environment import prepare; prepare(); print('…')", PYTHONIOENCODING="latin-1")
    assert (done.returncode, done.stdout) == (0, "?\n")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("echo go1.19.8", "/go is go1.19.8, and 1.26.0 or later is needed"),
        ("echo 'go: go.mod requires go >= 1.26.0 (running go 1.22.1)' >&2; exit 1", "(running go 1.22.1)"),
    ],
)
def test_an_old_compiler_is_the_cause(tmp_path: Path, body: str, why: str) -> None:
    program(tmp_path, "go", body)
    code = "from offline import go_tools; from common import console, errors\ntry: go_tools.go_version()\n"
    code += "except errors.CommandError as error: console.fail(error)"
    done = python(code, PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    failed, reason, fix = done.stderr.splitlines()
    assert failed == "failed Go is too old"
    assert reason.endswith(why)
    assert fix == "  next install Go 1.26 or later and put it first on PATH"

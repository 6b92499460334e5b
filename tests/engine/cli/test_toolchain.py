"""What the engine is and what it finds: a published one that is new enough, and uv even where nobody installed it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from cli import preview, stack
from common import paths
from common.console import Progress
from offline import go_tools, toolchain
from offline.go_tools import GoModule
from offline.plugins import install
from tests.unit.declaration.samples import REPOSITORY


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def published(folder: Path, version: str) -> Path:
    """An engine as the installer lays it out, which says nothing but its version."""
    script(folder / install.LANGUAGE_HOST, "exit 1")
    return script(folder / "pulumi", f"echo {version}")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose PATH has neither uv nor pulumi, and whose cache is empty."""
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("sh", "go", "mkdir", "dirname", "cp", "chmod", "sed", "cmp", "rm"):
        if found := shutil.which(name):
            (bare / name).symlink_to(found)
    monkeypatch.setenv("PATH", str(bare))
    monkeypatch.setattr(paths, "CACHE", tmp_path / "cache" / "ml-platform")
    monkeypatch.setattr(paths, "BIN", tmp_path / "ours")
    return tmp_path / "cache"


def test_uv_is_found_where_bootstrap_puts_it(tmp_path: Path, cache: Path) -> None:
    """The real `bootstrap`, with a Python whose pip installs a program that does nothing."""
    tree = tmp_path / "tree" / "cli"
    tree.mkdir(parents=True)
    shutil.copy(REPOSITORY / "cli" / "bootstrap", tree)
    for file in ("versions.toml", "uv.lock"):
        shutil.copy(REPOSITORY / file, tree.parent)
    asked = tmp_path / "asked"
    uv = script(
        tmp_path / "a-uv",
        f'mkdir -p .venv/bin && cp {script(tmp_path / "a-python", "exit 0")} .venv/bin/python && echo "$1" >> {asked}',
    )
    pip = script(tmp_path / "a-pip", f'cp {uv} "$(dirname "$0")/uv"')
    script(tmp_path / "bare" / "python3", f'mkdir -p "$3/bin" && cp {pip} "$3/bin/pip"')
    settings = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    for _ in range(2):  # the second time the lock file is the one that was installed
        subprocess.run([tree / "bootstrap"], env=settings, check=True)
    assert asked.read_text() == "sync\n"
    for environment in (stack.environment(), preview._environment(tmp_path)):
        found = shutil.which("uv", path=environment["PATH"])
        assert found is not None
        assert Path(found).is_relative_to(cache)


def test_whatever_is_compiled_is_part_of_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(go_tools.MODULES, tmp_path / "go")
    monkeypatch.setattr(go_tools, "MODULES", tmp_path / "go")
    before = go_tools.KUBERNETES.folder()
    for file in sorted(path for path in (tmp_path / "go" / "kubernetes").rglob("*") if path.is_file()):
        text = file.read_text()
        file.write_text(f"{text}\n")
        assert go_tools.KUBERNETES.folder() != before, file
        file.write_text(text)
    assert go_tools.KUBERNETES.folder() == before


def test_a_uv_of_the_users_own_comes_first(tmp_path: Path, cache: Path) -> None:
    theirs = script(tmp_path / "bare" / "uv", "exit 0")
    script(toolchain._uv_folder() / "uv", "exit 0")
    assert shutil.which("uv", path=stack.environment()["PATH"]) == str(theirs)


def test_pyproject_says_what_an_engine_must_be() -> None:
    assert install.oldest_engine() >= (3, 259)
    assert install._numbers(go_tools.PULUMI_VERSION) >= install.oldest_engine()


@pytest.mark.parametrize("version", ["v3.258.9", "v2.999.0", "", "built by hand"])
def test_an_outdated_engine_is_said_and_not_used(
    version: str, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old = published(tmp_path / "theirs", version)
    built = script(tmp_path / "built" / "pulumi", "exit 0")
    script(built.with_name(install.EXEC_SCRIPT), "exit 0")
    monkeypatch.setenv("PATH", f"{old.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(GoModule, "program", lambda _, name: built.with_name(name))
    assert toolchain.ensure_engine(Progress()) == paths.BIN / "pulumi"
    assert shutil.which("pulumi", path=stack.environment()["PATH"]) == str(paths.BIN / "pulumi")
    said = " ".join("".join(capsys.readouterr()).split())
    assert f"{old} is {version or 'of no version'}, but pyproject.toml requires pulumi 3.259 or later" in said


@pytest.mark.parametrize("version", ["v3.259.0", "v3.1000.0-dev.1", "3.260.1"])
def test_one_that_is_new_enough_is_used_and_nothing_said(
    version: str, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = published(tmp_path / "old", "v3.1.0"), published(tmp_path / "new", version)
    monkeypatch.setenv("PATH", os.pathsep.join([str(old.parent), str(new.parent), os.environ["PATH"]]))
    assert toolchain.ensure_engine(Progress()) == new
    assert shutil.which("pulumi", path=stack.environment()["PATH"]) == str(new)
    assert "".join(capsys.readouterr()) == ""

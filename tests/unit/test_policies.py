"""The policy pack reads the stack file as every other command does."""

from __future__ import annotations

from pathlib import Path

import pytest

from policies.declared import _platform, setting

URN = "urn:pulumi:{}::ml-platform::pulumi:pulumi:Stack::ml-platform-{}"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the engine starts the pack."""
    monkeypatch.chdir(tmp_path)
    _platform.cache_clear()
    return tmp_path


def declare(folder: Path, protect: str) -> str:
    (folder / "Pulumi.some.yaml").write_text(f"config:\n  ml-platform:platform:\n    protectData: {protect}\n")
    return URN.format("some", "some")


def test_a_setting_is_read(folder: Path) -> None:
    assert setting(declare(folder, "false"), "protectData") is False


def test_what_readers_read_differently_releases_nothing(folder: Path) -> None:
    """To YAML 1.1 `no` is false, to the engine it is text; `make check` and the program refuse it."""
    assert setting(declare(folder, "no"), "protectData") is None


def test_a_stack_without_a_file_has_no_settings() -> None:
    assert setting(URN.format("none", "none"), "protectData") is None

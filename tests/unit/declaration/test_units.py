"""Quantities and durations as numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.declaration.types import cpu_millis, memory_bytes, parse_taint
from tests.unit.declaration.samples import accepted


@pytest.mark.parametrize(("text", "millis"), [("500m", 500), ("2", 2000), ("0.5", 500), ("1.25", 1250)])
def test_cpu(text: str, millis: int) -> None:
    assert cpu_millis(text) == millis


@pytest.mark.parametrize(("text", "size"), [("1Ki", 1024), ("512Mi", 512 * 2**20), ("2Ti", 2 * 2**40)])
def test_memory(text: str, size: int) -> None:
    assert memory_bytes(text) == size


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("3m", 180), ("1h30m", 5400), ("1h", 3600)])
def test_durations_are_kept_as_seconds(root: Path, text: str, seconds: int) -> None:
    assert accepted(root, **{"serving.digits.timeout": text}).serving["digits"].timeout == seconds


def test_a_taint_has_three_parts() -> None:
    assert parse_taint("example.com/team=vision:NoSchedule") == ("example.com/team", "vision", "NoSchedule")
    assert parse_taint("spot:NoExecute") == ("spot", "", "NoExecute")


def test_plain_numbers_are_cores(root: Path) -> None:
    assert accepted(root, **{"serving.digits.resources": {"cpu": 0.5}}).serving["digits"].resources.cpu == "0.5"


def test_a_declaration_does_not_change(root: Path) -> None:
    platform = accepted(root)
    with pytest.raises(ValueError, match="frozen"):
        platform.namespace = "other"

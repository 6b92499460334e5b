"""Kubeconfigs of roles: refused for undeclared roles, written with mode 0600."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.kubeconfig import first_group, write_private
from common.errors import CommandError
from tests.unit.declaration.samples import accepted, project

GROUPS = {"teams.vision.groups": {"developer": ["builders", "interns"]}}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return project(tmp_path)


def test_a_role_is_its_first_group(root: Path) -> None:
    assert first_group(accepted(root, **GROUPS), "vision", "developer") == "builders"


@pytest.mark.parametrize(
    ("team", "role", "what", "hint"),
    [
        ("vison", "developer", "no team 'vison'", "TEAM is one of: speech, vision"),
        ("vision", "owner", "no role 'owner'", "ROLE is one of: viewer, developer, admin"),
        ("vision", "admin", "role admin of team vision has no groups", "add a group to it and run `make up`"),
    ],
)
def test_what_is_not_declared_is_refused(root: Path, team: str, role: str, what: str, hint: str) -> None:
    with pytest.raises(CommandError) as refusal:
        first_group(accepted(root, **GROUPS), team, role)
    assert (refusal.value.what, refusal.value.hint) == (what, hint)


def test_a_file_that_others_could_read_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text("old")
    file.chmod(0o644)
    write_private(file, "new")
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("new", 0o600)
    assert list(tmp_path.iterdir()) == [file]

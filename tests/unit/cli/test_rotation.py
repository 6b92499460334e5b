"""Counting renewals in a stack file, and waiting for servers to follow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from cli import rotate as rotation
from cli.rotate import AuthenticatedEndpoint, Cluster, Key, count, renew, require_rotatable
from common.console import Progress
from common.errors import CommandError
from infra.declaration.loader import load
from tests.examples import DEV, PROD
from tests.unit.declaration.samples import REPOSITORY, accepted, project

DOOR = AuthenticatedEndpoint("/", address="http://somewhere")


@pytest.mark.parametrize("file", [DEV, PROD], ids=lambda file: file.name)
def test_counting_leaves_the_rest_of_the_file_as_it_was(file: Path, tmp_path: Path) -> None:
    before = file.read_text()
    copy = tmp_path / file.name
    copy.write_text(before)
    count(copy, "digits-key")
    count(copy, "digits-key")
    added = [line for line in copy.read_text().splitlines() if line not in before.splitlines()]
    assert [line.strip() for line in added if "rotations" not in line] == ["digits-key: 2"]
    assert copy.read_text().startswith(before.rstrip("\n").partition("    rotations:")[0])
    (tmp_path / "images").symlink_to(REPOSITORY / "images")
    assert load(copy).rotations["digits-key"] == 2


def test_a_secret_that_nobody_generates_is_refused(tmp_path: Path) -> None:
    declared = accepted(project(tmp_path), **{"secrets.key": {"team": "vision", "generate": True}})
    require_rotatable(declared, "dev", "key")
    with pytest.raises(CommandError) as refusal:
        require_rotatable(declared, "dev", "kee")
    assert refusal.value.why == "Pulumi.dev.yaml declares no generated secret of this name; did you mean 'key'?"
    assert refusal.value.hint == "SECRET is one of: key, registry, tracking"


class Server:
    """Takes three generations of a password, as it was told at the last update."""

    def __init__(self) -> None:
        self.generation = 1
        self.broken = False

    def update(self) -> None:
        self.generation += 1

    def keys(self) -> set[Key]:
        return {
            Key(DOOR, "", f"password {generation}") for generation in range(self.generation - 1, self.generation + 2)
        }

    def accepts(self, key: Key) -> bool:
        return key in self.keys() and not (self.broken and self.generation > 1)


def trial(server: Server, tmp_path: Path) -> int:
    file = tmp_path / "Pulumi.x.yaml"
    file.write_text("config:\n  ml-platform:platform: {}\n")
    update: Callable[[], None] = server.update
    return renew(file, "key", update, server.keys, cast("Cluster", cast("Any", server)), Progress())


def test_two_renewals_refuse_what_was_good_before_but_what_was_to_come(tmp_path: Path) -> None:
    assert trial(Server(), tmp_path) == 2
    assert "rotations:\n      key: 2" in (tmp_path / "Pulumi.x.yaml").read_text().replace("    rotations", "rotations")


def test_a_server_that_does_not_follow_ends_it_and_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "WITHIN", 0)
    server = Server()
    server.broken = True
    with pytest.raises(CommandError) as error:
        trial(server, tmp_path)
    assert error.value.why == "http://somewhere does not accept a key of its clients"
    assert "password" not in str(error.value.lines())


def test_grafana_knows_one_password_at_a_time(tmp_path: Path) -> None:
    declared = accepted(project(tmp_path), monitoring={"grafana": {"deployed": {}}})
    require_rotatable(declared, "dev", "grafana")
    outputs = {"grafana": {"namespace": "ml-platform", "service": "grafana", "port": 3000, "username": "admin"}}

    class Held:
        def secret(self, namespace: str, name: str) -> dict[str, str]:
            assert (namespace, name) == ("ml-platform", "grafana")
            return {"value": "swordfish"}

    keys = rotation.accepted("grafana", declared, outputs, cast("Cluster", Held()))
    assert keys == {Key(AuthenticatedEndpoint("/api/user", "ml-platform", "grafana", 3000), "admin", "swordfish")}

"""A port that somebody else's program holds is refused before anything is touched."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli import preflight
from common import paths
from common.errors import CommandError
from infra.declaration.foundations import LocalFoundation
from offline import machine
from tests.ports import free_port

_LISTEN = """
import socket, sys, time
with socket.create_server(("127.0.0.1", int(sys.argv[1]))):
    print("listens", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A port that a program with the name of Docker's proxy listens on; every other port is free."""
    monkeypatch.setattr(preflight, "DISK_GIB", 0)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(machine, "API_PORT", free_port())
    port = free_port(beside=3) + 2
    program = tmp_path / "docker-proxy"
    program.symlink_to(sys.executable)
    process = subprocess.Popen(
        [program, "-S", "-c", _LISTEN, str(port)], stdout=subprocess.PIPE, text=True, cwd=tmp_path
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "listens\n"
    yield port
    process.kill()
    process.wait()


def require(port: int, *, objects: bool = False) -> None:
    local = LocalFoundation.model_validate({"registryPort": port})
    preflight.require_machine("ml-platform", local, objects=objects)


def test_a_program_that_is_only_named_like_ours_is_another(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "published_ports", lambda _: set())
    with pytest.raises(CommandError) as refused:
        require(taken)
    assert refused.value.what == f"port {taken} is in use"
    assert refused.value.why.startswith("docker-proxy (process ")
    assert refused.value.hint == "stop that program, or change platform.foundation.local.registryPort"


def test_the_ports_of_the_stacks_own_registry_are_its_own(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    labels: list[str] = []

    def published(label: str) -> set[int]:
        labels.append(label)
        return {taken, taken + 1}

    monkeypatch.setattr(machine, "published_ports", published)
    require(taken)
    assert labels == ["ml-platform.io/part=ml-platform-registry"]


def test_the_object_store_has_a_port_where_there_is_one(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "published_ports", lambda _: set())
    require(taken - 2)
    with pytest.raises(CommandError) as refused:
        require(taken - 2, objects=True)
    assert refused.value.what == f"port {taken} is in use"
    own = {"ml-platform.io/part=ml-platform-object-store": {taken}}
    monkeypatch.setattr(machine, "published_ports", lambda label: own.get(label, set()))
    require(taken - 2, objects=True)


def test_a_program_of_the_local_cluster_is_ours(taken: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "published_ports", lambda _: set())
    monkeypatch.setattr(paths, "STATE", tmp_path)
    require(taken)

"""Which Docker engine is used: the one that the docker command would use, as far as it is on this machine."""

from __future__ import annotations

import hashlib
import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from common import paths
from common.errors import CommandError
from offline import base_image, docker_engine
from tests.ports import free_port

Contexts = Callable[..., None]


class _Engine(BaseHTTPRequestHandler):
    """Answers what a client asks first."""

    def do_GET(self) -> None:
        body = b"OK" if self.path.endswith("/_ping") else b'{"ApiVersion": "1.41"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "a client"

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@contextmanager
def engine_at(socket: Path) -> Iterator[str]:
    with socketserver.ThreadingUnixStreamServer(str(socket), _Engine) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"unix://{socket}"
        server.shutdown()


@pytest.fixture
def contexts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Contexts:
    """Writes Docker's configuration; no engine of ours runs."""
    monkeypatch.setattr(paths, "PIDS", tmp_path / "pids")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    for variable in ("DOCKER_HOST", "DOCKER_CONTEXT"):
        monkeypatch.delenv(variable, raising=False)

    def write(current: str, **addresses: str) -> None:
        (tmp_path / "config.json").write_text(json.dumps({"currentContext": current}))
        for name, address in addresses.items():
            folder = tmp_path / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest()
            folder.mkdir(parents=True)
            endpoints = {"docker": {"Host": address, "SkipTLSVerify": False}}
            (folder / "meta.json").write_text(json.dumps({"Name": name, "Metadata": {}, "Endpoints": endpoints}))

    return write


def test_the_engine_of_the_current_context_is_used(contexts: Contexts, tmp_path: Path) -> None:
    with engine_at(tmp_path / "colima.sock") as address:
        contexts("colima", colima=address)
        assert docker_engine.host() == address


def test_variables_name_another_engine_as_they_do_for_docker(
    contexts: Contexts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine_at(tmp_path / "one.sock") as one, engine_at(tmp_path / "other.sock") as other:
        contexts("colima", colima="unix:///nonexistent.sock", rootless=other)
        monkeypatch.setenv("DOCKER_HOST", one)
        assert docker_engine.host() == one
        monkeypatch.setenv("DOCKER_CONTEXT", "rootless")
        assert docker_engine.host() == other


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("unix:///nonexistent.sock", "nothing answers at unix:///nonexistent.sock"),
        ("ssh://me@builder", "Docker context 'mine' is not on this machine, but at ssh://me@builder"),
        ("tcp://10.0.0.9:2376", "Docker context 'mine' is not on this machine, but at tcp://10.0.0.9:2376"),
    ],
)
def test_a_context_without_an_engine_here_is_named(contexts: Contexts, address: str, why: str) -> None:
    contexts("mine", mine=address)
    assert docker_engine.host() is None
    with pytest.raises(CommandError) as refused:
        docker_engine.client()
    assert refused.value.why == why


def test_a_context_that_is_gone_is_named(contexts: Contexts) -> None:
    contexts("gone")
    assert docker_engine.host() is None
    assert docker_engine.absence() == "there is no Docker context 'gone'; `docker context ls` lists them"


def test_a_volume_that_nobody_named_and_nobody_uses_is_not_left() -> None:
    if not docker_engine.is_ours():
        pytest.skip("needs the Docker engine that `make test` starts where it can")
    volumes = docker_engine.client().volumes
    nameless, named = volumes.create(), volumes.create(f"test-{free_port()}")
    try:
        left = docker_engine.leftovers()
        assert f"volume {named.name}" in left
        assert f"volume {nameless.name}" not in left
        assert nameless.name not in {each.name for each in volumes.list()}
    finally:
        named.remove()


def test_the_volume_of_a_registry_is_a_cache_and_no_other_is() -> None:
    if not docker_engine.is_ours():
        pytest.skip("needs the Docker engine that `make test` starts where it can")
    volumes, name = docker_engine.client().volumes, f"test-{free_port()}"
    parts = {f"{name}-registry": f"{name}-registry", f"{name}-registry-passwords": f"{name}-registry"}
    made = [volumes.create(each, labels={docker_engine.PART_LABEL: part}) for each, part in parts.items()]
    try:
        assert [each for each in docker_engine.leftovers() if name in each] == [f"volume {name}-registry-passwords"]
        assert volumes.get(f"{name}-registry")
    finally:
        for volume in made:
            volume.remove()


def test_ports_of_a_stacks_containers_are_known_by_their_label() -> None:
    if docker_engine.host() is None:
        pytest.skip("needs a Docker engine; `make test` starts one where it can")
    engine, port = docker_engine.client(), free_port()
    label = f"ml-platform.io/part=test-{port}"
    assert docker_engine.published_ports(label) == set()
    container = engine.containers.run(
        base_image.IMAGE,
        ["sleep", "600"],
        labels=dict([label.split("=")]),
        ports={"80/tcp": ("127.0.0.1", port)},
        detach=True,
    )
    try:
        assert docker_engine.published_ports(label) == {port}
        assert docker_engine.published_ports(f"{label}-other") == set()
        # The base image has labels, too.
        assert len(container.labels) > 1
        assert docker_engine._own_labels(engine, container) == {tuple(label.split("="))}
    finally:
        container.remove(force=True, v=True)

"""Installing the engine's companions: official plugins stay, stand-ins fill the gaps, a second run does nothing."""

from __future__ import annotations

import os
import platform
import shutil
import stat
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto.provider_pb2_grpc import ResourceProviderStub

from common import paths
from offline import toolchain
from offline.plugins import install
from offline.plugins.install import ensure_engine, ensure_plugins, kind_of, official_engine
from offline.plugins.sdk import RequiredPlugin, required_plugins
from tests.pulumi_engine import find_engine


@contextmanager
def serving(executable: Path) -> Iterator[ResourceProviderStub]:
    """A plugin's process, which prints its port."""
    process = subprocess.Popen([executable, "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        with grpc.insecure_channel(f"127.0.0.1:{process.stdout.readline().strip()}") as channel:
            yield ResourceProviderStub(channel)
    finally:
        process.kill()
        process.wait()


def silent(_: str) -> None:
    """A report that is not shown."""


@pytest.fixture
def of_a_deleted_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in that another checkout has installed, before it was deleted."""
    executable = tmp_path / "pulumi-resource-random"
    monkeypatch.setattr(install, "REPOSITORY", tmp_path / "deleted")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "deleted" / ".venv" / "bin" / "python"))
    install._write_script(executable, "random")
    return executable


def test_a_stand_in_runs_the_code_of_the_checkout_that_calls_it(
    of_a_deleted_checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(install.CHECKOUT, str(paths.REPOSITORY))
    with serving(of_a_deleted_checkout) as provider:
        assert provider.GetPluginInfo(Empty()).version


def test_a_stand_in_of_a_deleted_checkout_says_so(of_a_deleted_checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(install.CHECKOUT, raising=False)
    ended = subprocess.run([of_a_deleted_checkout], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr == (
        f"{of_a_deleted_checkout}: {of_a_deleted_checkout.parent}/deleted has gone; "
        "run pulumi in 'make shell' of another checkout\n"
    )


def test_commands_name_their_own_checkout(tmp_path: Path) -> None:
    assert toolchain.environment(tmp_path)[install.CHECKOUT] == str(paths.REPOSITORY)


@pytest.fixture
def engine() -> Path:
    found = find_engine()
    if found is None:
        pytest.skip("no pulumi on this machine: set ML_PLATFORM_BIN to the folder that holds it")
    return found


@pytest.fixture
def docker() -> RequiredPlugin:
    return next(plugin for plugin in required_plugins() if plugin.name == "docker")


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of each file: what a write would change."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}


def test_a_second_install_changes_nothing_and_takes_no_time(tmp_path: Path, engine: Path) -> None:
    ensure_engine(tmp_path / "bin", engine)
    first = ensure_plugins(tmp_path / "home", silent, engine, download=())
    before = snapshot(tmp_path)
    began = sum(os.times()[:4])
    ensure_engine(tmp_path / "bin", engine)
    second = ensure_plugins(tmp_path / "home", silent, engine, download=())
    assert sum(os.times()[:4]) - began < 2
    assert first == second
    assert snapshot(tmp_path) == before


def test_each_plugin_with_a_stand_in_gets_it(tmp_path: Path, engine: Path) -> None:
    kinds = {found.plugin.name: found.kind for found in ensure_plugins(tmp_path, silent, engine, download=())}
    assert kinds.items() >= {"aws": "stand-in", "docker": "stand-in", "random": "stand-in"}.items()


def test_the_kubernetes_plugin_is_built_and_answers_as_the_version_of_the_sdk(tmp_path: Path, engine: Path) -> None:
    installed = ensure_plugins(tmp_path, silent, engine, download=())
    (found,) = [found for found in installed if found.plugin.name == "kubernetes"]
    assert found.kind == "built"
    executable = tmp_path / "plugins" / found.plugin.folder / found.plugin.executable
    with serving(executable) as provider:
        assert provider.GetPluginInfo(Empty()).version == found.plugin.version


def test_a_plugin_that_was_built_otherwise_is_replaced(tmp_path: Path, engine: Path) -> None:
    (kubernetes,) = [plugin for plugin in required_plugins() if plugin.name == "kubernetes"]
    ensure_plugins(tmp_path, silent, engine, download=())
    executable = tmp_path / "plugins" / kubernetes.folder / kubernetes.executable
    current = executable.stat().st_size
    executable.unlink()
    executable.write_bytes(b"\x7fELF" + bytes(8192))
    ensure_plugins(tmp_path, silent, engine, download=())
    assert executable.stat().st_size == current


def test_an_official_plugin_is_kept(tmp_path: Path, engine: Path, docker: RequiredPlugin) -> None:
    official = tmp_path / "plugins" / docker.folder / docker.executable
    official.parent.mkdir(parents=True)
    official.write_bytes(b"\x7fELF" + bytes(8192))
    kinds = {found.plugin.name: found.kind for found in ensure_plugins(tmp_path, silent, engine, download=())}
    assert kinds["docker"] == "downloaded"
    assert official.stat().st_size == 8196


def test_a_broken_off_download_makes_room_for_the_stand_in(
    tmp_path: Path, engine: Path, docker: RequiredPlugin
) -> None:
    plugins = tmp_path / "plugins"
    (plugins / docker.folder).mkdir(parents=True)
    (plugins / docker.folder / docker.executable).write_bytes(b"\x7fELF" + bytes(8192))
    (plugins / f"{docker.folder}.partial").touch()
    (plugins / ".installing-broken").mkdir()
    assert kind_of(plugins, docker) == "missing"
    ensure_plugins(tmp_path, silent, engine, download=())
    assert kind_of(plugins, docker) == "stand-in"
    assert not list(plugins.glob(".installing-*")) + list(plugins.glob("*.partial"))
    assert (plugins / docker.folder / docker.executable).stat().st_mode & stat.S_IXUSR


def test_a_refused_download_is_not_tried_again_at_once(tmp_path: Path) -> None:
    refusing = tmp_path / "pulumi"
    refusing.write_text(f"#!/bin/sh\necho asked >> {tmp_path}/asked\nexit 1\n")
    refusing.chmod(0o755)
    for _ in range(2):
        ensure_plugins(tmp_path / "home", silent, refusing)
    assert (tmp_path / "asked").read_text().count("asked") == len(required_plugins())


def test_a_plugin_that_is_insisted_on_is_tried_again(tmp_path: Path) -> None:
    """And only that one."""
    refusing = tmp_path / "pulumi"
    refusing.write_text(f'#!/bin/sh\necho "$4" >> {tmp_path}/asked\nexit 1\n')
    refusing.chmod(0o755)
    ensure_plugins(tmp_path / "home", silent, refusing)
    (tmp_path / "asked").unlink()
    kinds = {
        found.plugin.name: found.kind
        for found in ensure_plugins(tmp_path / "home", silent, refusing, insist=["docker", "kubernetes"])
    }
    assert sorted((tmp_path / "asked").read_text().split()) == ["docker", "kubernetes"]
    assert (kinds["docker"], kinds["kubernetes"]) == ("stand-in", "built")


@contextmanager
def mirror(plugin: RequiredPlugin, folder: Path) -> Iterator[str]:
    """A server that has one plugin's archive, named as Pulumi names it."""
    program = folder / plugin.executable
    program.write_bytes(b"\x7fELF" + bytes(8192))
    program.chmod(0o755)
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
    name = f"pulumi-{plugin.folder}-linux-{architecture}.tar.gz"
    with tarfile.open(folder / name, "w:gz") as archive:
        archive.add(program, plugin.executable)

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(folder))

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_mirror_serves_official_plugins(
    tmp_path: Path, engine: Path, docker: RequiredPlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the message says where Pulumi's own downloads can't be reached."""
    (tmp_path / "mirror").mkdir()
    with mirror(docker, tmp_path / "mirror") as address:
        monkeypatch.setenv("PULUMI_PLUGIN_DOWNLOAD_URL_OVERRIDES", f"^github://={address},^https://={address}")
        installed = ensure_plugins(tmp_path / "home", silent, engine, download=(), insist=["docker"])
    assert {each.plugin.name: each.kind for each in installed}["docker"] == "downloaded"


def test_another_engine_takes_the_place_of_the_old_one(tmp_path: Path, engine: Path) -> None:
    ensure_engine(tmp_path / "bin", engine)
    newer = tmp_path / "cache" / "pulumi"
    newer.parent.mkdir()
    newer.write_text("#!/bin/sh\n")
    shutil.copy(tmp_path / "bin" / "pulumi-language-python-exec", newer.parent)
    ensure_engine(tmp_path / "bin", newer)
    assert (tmp_path / "bin" / "pulumi").read_text() == "#!/bin/sh\n"


def test_an_engine_with_its_own_language_host_counts_as_official(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Path
) -> None:
    ensure_engine(tmp_path / "ours", engine)
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "pulumi-language-python").write_bytes(b"\x7fELF" + bytes(8192))
    (theirs / "pulumi").write_text("#!/bin/sh\necho v3.999.0\n")
    (theirs / "pulumi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'ours'}{os.pathsep}{theirs}")
    assert official_engine(other_than=tmp_path / "ours") == theirs / "pulumi"
    monkeypatch.setenv("PATH", str(tmp_path / "ours"))
    assert official_engine(other_than=tmp_path / "elsewhere") is None

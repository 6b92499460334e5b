"""What stays of the node's containerd when the local cluster is removed, on a containerd of the test's own."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from common import daemons, paths
from offline import caches
from offline.cluster import containers, pause_image

CONTAINER = "left-behind"
WRITTEN = "written-by-a-pod"


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A containerd that has an image and a container of it that has written a file; its root folder."""
    if shutil.which("containerd") is None or os.geteuid() != 0:
        pytest.skip("needs containerd and root; `make test` installs it where it can")
    for module, name in ((paths, "LOGS"), (paths, "PIDS"), (paths, "RUN"), (containers, "ROOT"), (containers, "STATE")):
        folder = tmp_path / name.lower()
        folder.mkdir()
        monkeypatch.setattr(module, name, folder)
    monkeypatch.setattr(containers, "SOCKET", tmp_path / "run" / "containerd.sock")
    monkeypatch.setattr(containers, "CONFIGURATION", tmp_path / "containerd.toml")
    containers.start()
    try:
        _write_in_a_container()
        daemons.stop("containerd")
        yield containers.ROOT
    finally:
        daemons.stop("containerd")
        containers.unmount(tmp_path)


def _write_in_a_container() -> None:
    archive, files = paths.RUN / "pause.tar", paths.RUN / "rootfs"
    _ctr("images", "export", str(archive), pause_image.REFERENCE)
    _ctr("images", "import", str(archive))  # unpacks it, which kubelet does when a pod starts
    _ctr("containers", "create", pause_image.REFERENCE, CONTAINER)
    files.mkdir()
    subprocess.run(_ctr("snapshots", "mounts", str(files), CONTAINER), shell=True, check=True)
    (files / WRITTEN).write_text("of a team")
    subprocess.run(["umount", files], check=True)


def _ctr(*arguments: str) -> str:
    command = ["ctr", "--address", str(containers.SOCKET), "--namespace", "k8s.io", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _written(root: Path) -> list[Path]:
    return [*root.rglob(WRITTEN)]


def test_images_stay_and_what_containers_wrote_does_not(node: Path) -> None:
    assert _written(node)
    containers.remove()
    assert daemons.process_of(paths.PIDS / "containerd.pid") is None
    assert _written(node) == []
    containers.start()
    assert _ctr("containers", "list", "--quiet") == ""
    assert pause_image.REFERENCE in _ctr("images", "list", "--quiet")


def test_images_go_where_the_disk_is_nearly_full(node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caches, "LEAST_FREE", 2**60)
    containers.remove()
    assert not node.exists()


def test_everything_goes_where_containerd_does_not_start(node: Path) -> None:
    (node / "io.containerd.metadata.v1.bolt" / "meta.db").write_bytes(b"broken by a full disk" * 1000)
    containers.remove()
    assert not node.exists()


def test_images_go_when_there_are_too_many(node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caches, "LARGEST", 1)
    containers.remove()
    assert not node.exists()


def test_what_containers_wrote_goes_though_the_cluster_s_folder_is_gone(node: Path) -> None:
    containers.CONFIGURATION.unlink()
    containers.remove()
    assert _written(node) == []
    assert node.exists()

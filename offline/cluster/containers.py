"""The node's containerd: a separate instance beside any other on the machine."""

import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import psutil

from common import daemons, paths, run
from common.daemons import Daemon, end
from common.errors import CommandError
from offline import caches
from offline.cluster import network, pause_image

ROOT = paths.CACHE / "containerd"
"""Pulled images stay here as a cache, so that the next cluster neither downloads nor unpacks them again."""

STATE = paths.RUN / "containerd"
SOCKET = paths.RUN / "containerd.sock"
CONFIGURATION = paths.CLUSTER / "containerd.toml"
REGISTRIES = paths.CLUSTER / "registries"

_UNUSED = ", ".join(
    f'"io.containerd.{name}.v1.{kind}"'
    for name, kinds in {"internal": ["opt"], "snapshotter": ["aufs", "btrfs", "devmapper", "zfs"]}.items()
    for kind in kinds
)


def _configuration() -> str:
    return f"""\
version = 2
root = "{ROOT}"
state = "{STATE}"
disabled_plugins = [{_UNUSED}]

[grpc]
address = "{SOCKET}"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{pause_image.REFERENCE}"
# root without CAP_SYS_RESOURCE can't lower oom_score_adj
restrict_oom_score_adj = true
stream_server_address = "127.0.0.1"

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{network.CNI_CONFIG}"

[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "{REGISTRIES}"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
"""


def daemon() -> Daemon:
    """containerd with our configuration."""
    return Daemon("containerd", ["containerd", "--config", str(CONFIGURATION)], SOCKET.is_socket)


def start() -> None:
    """Start containerd and import the pause image."""
    _start()
    pause_image.ensure(SOCKET)


def _start() -> None:
    for folder in (paths.RUN, CONFIGURATION.parent):
        folder.mkdir(parents=True, exist_ok=True)
    CONFIGURATION.write_text(_configuration())
    instance = daemon()
    if instance.process() is None:
        SOCKET.unlink(missing_ok=True)
    instance.start()


def trust_registry(port: int) -> None:
    """Let containerd use plain HTTP for the registry on loopback `port`; pulls still need a login."""
    folder = REGISTRIES / f"127.0.0.1_{port}_"
    folder.mkdir(parents=True, exist_ok=True)
    address = f"http://127.0.0.1:{port}"
    (folder / "hosts.toml").write_text(
        f'server = "{address}"\n\n[host."{address}"]\ncapabilities = ["pull", "resolve"]\n'
    )


def kill_pods() -> None:
    """Stop each container of this containerd, and its shim."""
    shims = [process for process in psutil.process_iter(["cmdline"]) if _is_our_shim(process)]
    inside = [child for shim in shims for child in _children(shim)]
    end([*inside, *shims], timeout=5)


def _is_our_shim(process: psutil.Process) -> bool:
    words = process.info["cmdline"] or []
    return bool(words) and Path(words[0]).name.startswith("containerd-shim") and str(SOCKET) in words


def _children(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return process.children(recursive=True)
    return []


def unmount(folder: Path) -> None:
    """Unmount everything below `folder`, deepest first."""
    points = [line.split()[1].replace("\\040", " ") for line in Path("/proc/self/mounts").read_text().splitlines()]
    for point in sorted((point for point in points if Path(point).is_relative_to(folder)), key=len, reverse=True):
        subprocess.run(["umount", "--lazy", point], capture_output=True, check=False)


def remove() -> None:
    """Delete containers, what they wrote, and mounts, of a containerd that is stopped; images stay."""
    unmount(paths.RUN)
    unmount(ROOT)
    shutil.rmtree(STATE, ignore_errors=True)
    if ROOT.exists() and not (_only_images_are_left() and caches.is_worth_keeping(ROOT)):
        shutil.rmtree(ROOT, ignore_errors=True)


def _only_images_are_left() -> bool:
    """Whether containerd could start and delete all containers."""
    try:
        _start()
        listed = _ctr("containers", "list", "--quiet")
        if listed:
            _ctr("containers", "delete", *listed)
        (lease,) = _ctr("leases", "create")
        _ctr("leases", "delete", "--sync", lease)  # returns when what nothing refers to any more is deleted
        return True
    except (CommandError, OSError, ValueError):
        return False
    finally:
        daemons.stop("containerd")


def _ctr(*arguments: str) -> list[str]:
    return run.output(["ctr", "--address", str(SOCKET), "--namespace", "k8s.io", *arguments]).split()

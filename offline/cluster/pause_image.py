"""The pause image, which holds a pod's namespaces: Debian's static busybox, sleeping."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

from common import run

REFERENCE = "docker.io/ml-platform/pause:local"
BUSYBOX = Path("/bin/busybox")


def ensure(containerd_socket: Path) -> None:
    """Import the image unless containerd has it."""
    ctr = ["ctr", "--address", str(containerd_socket), "--namespace", "k8s.io", "images"]
    if REFERENCE in run.output([*ctr, "list", "--quiet"]).split():
        return
    archive = containerd_socket.parent / "pause.tar"
    archive.write_bytes(_archive())
    run.output([*ctr, "import", "--no-unpack", archive])
    archive.unlink()


def _archive() -> bytes:
    """The image in the format of `docker save`."""
    layer = _tar({"busybox": (BUSYBOX.read_bytes(), 0o755)})
    configuration = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Entrypoint": ["/busybox", "sleep", "2147483647"], "User": "65532:65532"},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        }
    ).encode()
    name = f"{hashlib.sha256(configuration).hexdigest()}.json"
    manifest = json.dumps([{"Config": name, "RepoTags": [REFERENCE], "Layers": ["layer.tar"]}]).encode()
    return _tar({"layer.tar": (layer, 0o644), name: (configuration, 0o644), "manifest.json": (manifest, 0o644)})


def _tar(files: dict[str, tuple[bytes, int]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, (content, mode) in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), mode
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()

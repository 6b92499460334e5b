"""A private image registry on loopback: Debian's own registry server, with one user and deletion allowed."""

from __future__ import annotations

import atexit
import shutil
import subprocess
import time
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from types import TracebackType

import bcrypt
import pytest
import requests

from tests.ports import free_port

_CONFIG = """
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {folder}/data}}, delete: {{enabled: true}}}}
http: {{addr: "{address}"}}
auth: {{htpasswd: {{realm: test, path: {folder}/htpasswd}}}}
"""


@cache
def registry_binary() -> Path:
    """The server: installed, or unpacked from its Debian package without installing it."""
    if found := shutil.which("docker-registry"):
        return Path(found)
    folder = Path(mkdtemp(prefix="docker-registry-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    try:
        subprocess.run(["apt-get", "download", "docker-registry"], cwd=folder, capture_output=True, check=True)
        package = next(folder.glob("*.deb"))
        subprocess.run(["dpkg-deb", "-x", str(package), str(folder)], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError, StopIteration):
        pytest.skip("no docker-registry on this machine, and its Debian package can't be downloaded")
    return folder / "usr" / "bin" / "docker-registry"


class RegistryServer:
    """A running registry; `address` is `127.0.0.1:<port>`."""

    def __init__(self, folder: Path, user: str, password: str) -> None:
        self.folder, self.user, self.password = folder, user, password
        self.address = f"127.0.0.1:{free_port()}"

    def status(self, repository: str, reference: str) -> int:
        """The registry's answer to a request for a manifest."""
        url = f"http://{self.address}/v2/{repository}/manifests/{reference}"
        accept = {"Accept": "application/vnd.docker.distribution.manifest.v2+json"}
        return requests.get(url, auth=(self.user, self.password), headers=accept, timeout=10).status_code

    def __enter__(self) -> RegistryServer:
        binary = registry_binary()
        self.folder.mkdir(parents=True)
        hashed = bcrypt.hashpw(self.password.encode(), bcrypt.gensalt(5)).decode()
        (self.folder / "htpasswd").write_text(f"{self.user}:{hashed}\n")
        config = self.folder / "config.yml"
        config.write_text(_CONFIG.format(folder=self.folder, address=self.address))
        self._process = subprocess.Popen(
            [binary, "serve", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                requests.get(f"http://{self.address}/v2/", timeout=1)
                return self
            except requests.RequestException:
                time.sleep(0.05)
        self._process.kill()
        raise AssertionError("the registry did not start")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait()

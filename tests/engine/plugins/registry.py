"""A private image registry on loopback: Debian's own registry server, with one user and deletion allowed.

It has no setting against overwriting tags, so a proxy in front of it refuses that as ECR does.
"""

from __future__ import annotations

import atexit
import json
import shutil
import subprocess
import threading
import time
from functools import cache
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import mkdtemp
from types import TracebackType
from typing import Any

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


class ImmutableTags:
    """A proxy that refuses to move a tag to another digest; `address` is `127.0.0.1:<port>`."""

    def __init__(self, registry: RegistryServer) -> None:
        self.pushed: list[str] = []
        """`<repository>:<tag>` of each manifest that was pushed by tag."""
        proxy, digests = self, dict[str, str]()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _forward(self) -> None:
                body = self._body()
                if self.command == "PUT" and (tag := _pushed_tag(self.path)):
                    digest = sha256(body).hexdigest()
                    if digests.get(tag, digest) != digest:
                        self._answer(400, {"Content-Type": "application/json"}, _refusal(tag))
                        return
                    digests[tag] = digest
                    proxy.pushed.append(tag)
                names = {name.lower() for name in self.headers} - _PER_CONNECTION
                kept = {name: ", ".join(self.headers.get_all(name, [])) for name in names}
                url = f"http://{registry.address}{self.path}"
                answer = requests.request(
                    self.command, url, headers=kept, data=body, timeout=60, allow_redirects=False, stream=True
                )
                self._answer(answer.status_code, dict(answer.headers), answer.raw.read())

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _forward

            def _body(self) -> bytes:
                if self.headers.get("Transfer-Encoding") != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length", 0)))
                body = b""
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response(status)
                length = headers.get("Content-Length") if self.command == "HEAD" else None
                for name, value in headers.items():
                    if name.lower() not in _PER_CONNECTION:
                        self.send_header(name, value)
                self.send_header("Content-Length", length or str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Be quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> ImmutableTags:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


_PER_CONNECTION = frozenset({"connection", "content-length", "transfer-encoding"})


def _pushed_tag(path: str) -> str | None:
    repository, _, reference = path.removeprefix("/v2/").partition("/manifests/")
    return f"{repository}:{reference}" if reference and ":" not in reference else None


def _refusal(tag: str) -> bytes:
    repository, _, name = tag.rpartition(":")
    message = (
        f"The image tag '{name}' already exists in the '{repository}' repository and cannot be overwritten because "
        "the repository is immutable."
    )
    return json.dumps({"errors": [{"code": "TAG_INVALID", "message": message}]}).encode()

"""Images built and run on the real engine, the way pods run them: read-only, unprivileged, without capabilities."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import pytest
import requests
from docker.errors import BuildError
from docker.models.containers import Container

from offline.base_image import IMAGE

IMAGES = Path(__file__).parents[3] / "images"
CONTEXTS = Path(__file__).parent / "contexts"
"""Of images that only tests need."""
_BASES = dict.fromkeys(("base", "object-store", "registry"), IMAGE)
_BUILT_ON = {"older-mlflow": "tracking"}
USERNAME = "admin"
START_SECONDS = 180
_LARGE = {"torch"}
"""Layers of these are not kept for the next run: 5 GiB, and one more for each base image."""


@dataclass
class Engine:
    """One Docker network of this test run, and everything that was started on it."""

    client: docker.DockerClient
    name: str = field(default_factory=lambda: f"ml-platform-images-{secrets.token_hex(4)}")
    password: str = field(default_factory=lambda: secrets.token_hex(16))
    containers: list[Container] = field(default_factory=list)
    built: dict[str, str] = field(default_factory=dict)

    def image(self, name: str) -> str:
        """Built once in a run; layers that the engine knows already cost nothing."""
        if name not in self.built:
            base = _BASES.get(name) or self.image(_BUILT_ON.get(name, "base"))
            folder = next(parent / name for parent in (CONTEXTS, IMAGES) if (parent / name).is_dir())
            tag = f"{self.name}/{name}"
            try:
                self.client.images.build(path=str(folder), tag=tag, buildargs={"BASE": base}, rm=True, forcerm=True)
            except BuildError as error:
                lines = [str(line.get("stream", "")).rstrip() for line in error.build_log]
                pytest.fail(f"{name}: {error}\n" + "\n".join(lines[-20:]), pytrace=False)
            self.built[name] = tag
        return self.built[name]

    def start(self, image: str, alias: str | None = None, **options: Any) -> Container:
        container = self.client.containers.create(
            self.image(image),
            name=f"{self.name}-{alias or image}-{len(self.containers)}",
            network=self.name,
            read_only=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            tmpfs={"/tmp": "mode=1777", **options.pop("tmpfs", {})},
            **options,
        )
        self.containers.append(container)
        if alias:
            network = self.client.networks.get(self.name)
            network.disconnect(container)
            network.connect(container, aliases=[alias])
        container.start()
        return container

    def stop(self) -> None:
        for container in self.containers:
            container.remove(force=True, v=True)
        self.client.networks.get(self.name).remove()
        for name, image in reversed(self.built.items()):
            self.client.images.remove(image, noprune=name not in _LARGE)


def address(container: Container, port: int) -> str:
    container.reload()
    published = container.attrs["NetworkSettings"]["Ports"].get(f"{port}/tcp")
    assert published, f"{container.name} publishes nothing: {output(container)}"
    return f"http://127.0.0.1:{published[0]['HostPort']}"


def output(container: Container) -> str:
    return str(container.logs().decode())


def wait_for(url: str, container: Container, status: int = 200) -> float:
    """Seconds until it answers so; a container that has ended instead fails with its log."""
    begin = time.monotonic()
    while time.monotonic() - begin < START_SECONDS:
        try:
            if requests.get(url, timeout=2).status_code == status:
                return time.monotonic() - begin
        except requests.RequestException:
            container.reload()
            assert container.status != "exited", output(container)
        time.sleep(0.1)
    pytest.fail(f"{url}: no {status} within {START_SECONDS} s\n{output(container)}", pytrace=False)


def run_to_end(container: Container) -> tuple[int, str]:
    code = container.wait(timeout=300)["StatusCode"]
    return int(code), output(container)


WriteSecrets = Callable[[str, dict[str, str]], Path]

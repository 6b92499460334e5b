"""Prometheus's own checkers, as they are in the image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import docker
from docker.errors import ContainerError


@dataclass(frozen=True)
class Answer:
    """What a checker ended with and said; of one that has failed, why."""

    code: int
    text: str


@dataclass(frozen=True)
class Promtool:
    """Runs in a folder of the test's own."""

    client: docker.DockerClient
    image: str
    folder: Path
    program: str = "promtool"

    def run(self, *arguments: str) -> Answer:
        try:
            said = self.client.containers.run(
                self.image,
                list(arguments),
                entrypoint=[self.program],
                volumes={str(self.folder): {"bind": "/given", "mode": "ro"}},
                working_dir="/given",
                network_mode="none",
                tmpfs={"/data": ""},  # or the image's own volume would outlive the container
                remove=True,
            )
        except ContainerError as error:
            return Answer(error.exit_status, _text(error.stderr))
        return Answer(0, _text(said))


def _text(said: bytes | str | None) -> str:
    return said.decode() if isinstance(said, bytes) else said or ""

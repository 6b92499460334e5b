"""Monitoring's images and that of endpoints, built here and handed to the node without a registry in between."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import docker

from common import paths, run
from infra.build_context import content_hash
from infra.catalogue.images import BASE, GPU_SIMULATOR, PROMETHEUS
from infra.catalogue.names import image_context
from offline.base_image import IMAGE
from offline.cluster import containers

SERVING = "serving"
_PREFIX = "docker.io/ml-platform-tests"


def provide(client: docker.DockerClient, names: Sequence[str] = (PROMETHEUS, GPU_SIMULATOR, SERVING)) -> dict[str, str]:
    """The reference of each; what the node has already is not brought again."""
    base = _build(client, BASE, IMAGE)
    found = {name: _build(client, name, base) for name in names}
    ctr = ["ctr", "--address", str(containers.SOCKET), "--namespace", "k8s.io", "images"]
    there = run.output([*ctr, "list", "--quiet"]).split()
    for reference in found.values():
        if reference not in there:
            _import(client, reference, ctr)
    return found


def built(client: docker.DockerClient, name: str) -> str:
    """One of them in the Docker engine alone."""
    return _build(client, name, _build(client, BASE, IMAGE)).removeprefix("docker.io/")


def _build(client: docker.DockerClient, name: str, base: str) -> str:
    context = paths.REPOSITORY / image_context(name)
    reference = f"{_PREFIX}/{name}:{content_hash(str(context), {'BASE': base})}"
    tag = reference.removeprefix("docker.io/")
    if not client.images.list(tag):
        client.images.build(path=str(context), tag=tag, buildargs={"BASE": base.removeprefix("docker.io/")}, rm=True)
    return reference


def _import(client: docker.DockerClient, reference: str, ctr: list[str]) -> None:
    tag = reference.removeprefix("docker.io/")
    with TemporaryDirectory() as folder:
        archive = Path(folder) / "image.tar"
        with archive.open("wb") as file:
            for chunk in client.images.get(tag).save(named=tag):
                file.write(chunk)
        run.output([*ctr, "import", archive])

"""The project's images, built by the stand-in for the docker plugin and pushed to a registry that never moves a tag."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from docker.errors import ImageNotFound

from tests.engine.plugins.registry import ImmutableTags, RegistryServer
from tests.pulumi_engine import REPOSITORY, Pulumi

BUSYBOX = Path("/bin/busybox")
WORDS = "images/words"
_FILES = {
    "images/base/Dockerfile": (
        'FROM scratch\nCOPY busybox /bin/busybox\nSHELL ["/bin/busybox", "sh", "-c"]\n'
        "RUN /bin/busybox mkdir /tmp && /bin/busybox date +%s%N > /built\n"
    ),
    # What is built twice differs.
    f"{WORDS}/Dockerfile": (
        "ARG BASE\nFROM ${BASE} AS first\nRUN /bin/busybox date +%s%N > /first\n"
        "FROM ${BASE}\nCOPY --from=first /first /first\nCOPY . /words\n"
        'RUN /bin/busybox date +%s%N > /built\nUSER 65532:65532\nCMD ["/bin/busybox", "ls", "-lR", "/words"]\n'
    ),
    f"{WORDS}/text/words": "first\n",
}
_PROGRAM = """
import sys
sys.path.insert(0, {repository!r})
import pulumi
from infra.foundation.contract import Registry, Repository
from infra.images import Images, ImagesArgs
registry = Registry(
    server={address!r},
    prefix={address!r},
    repository=lambda image: Repository(f"{address}/{{image}}"),
    username="builder",
    password=pulumi.Output.secret("not-for-logs"),
    pull_config=None,
    builder=None,
)
words = Images("images", ImagesArgs(registry, "scratch", {{}})).get("words")
pulumi.export("digest", words.reference)
pulumi.export("identity", words.own_content)
"""


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[ImmutableTags]:
    """A private registry with one user."""
    with (
        RegistryServer(tmp_path / "registry", user="builder", password="not-for-logs") as server,
        ImmutableTags(server) as proxy,
    ):
        yield proxy


@dataclass
class Images:
    """A project with two images, one of which is built on the other."""

    pulumi: Pulumi
    registry: ImmutableTags
    engine: Any

    def write(self, path: str, text: str) -> None:
        file = self.pulumi.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def forget(self) -> None:
        """As on another machine: the engine has neither the images nor a cache of their layers."""
        parents = {image["Id"]: image["ParentId"] for image in self.engine.images(all=True)}
        for image in self.engine.images(f"{self.registry.address}/*"):
            self._remove(image["Id"], parents)

    def _remove(self, image: str, parents: Mapping[str, str]) -> None:
        for child in [child for child, parent in parents.items() if parent == image]:
            self._remove(child, parents)
        with suppress(ImageNotFound):
            self.engine.remove_image(image, force=True)

    def ran(self, digest: str) -> str:
        """What a container of the image prints."""
        created = self.engine.create_container(digest)["Id"]
        try:
            self.engine.start(created)
            self.engine.wait(created, timeout=60)
            return str(self.engine.logs(created).decode(errors="backslashreplace"))
        finally:
            self.engine.remove_container(created, force=True)


@pytest.fixture
def images(engine: Any, pulumi: Pulumi, registry: ImmutableTags) -> Iterator[Images]:
    if not BUSYBOX.exists():
        pytest.skip("no static busybox on this machine")
    project = Images(pulumi, registry, engine)
    for path, text in _FILES.items():
        project.write(path, text)
    busybox = pulumi.folder / "images/base/busybox"
    busybox.write_bytes(BUSYBOX.read_bytes())
    busybox.chmod(0o755)
    pulumi.program(_PROGRAM.format(repository=str(REPOSITORY), address=registry.address))
    yield project
    project.forget()


def test_a_revert_deploys_the_image_that_was_pushed_once(images: Images) -> None:
    first = images.pulumi.up().outputs["digest"]
    images.write(f"{WORDS}/text/words", "second\n")
    assert images.pulumi.up().outputs["digest"] != first
    pushed = list(images.registry.pushed)
    assert len(pushed) == len(set(pushed)) == 3

    images.forget()
    images.write(f"{WORDS}/text/words", "first\n")
    assert images.pulumi.up().outputs["digest"] == first
    assert images.registry.pushed == pushed
    assert images.engine.images(f"{images.registry.address}/*") == []
    assert images.pulumi.up().changes() == {"unchanged": 4}


def test_a_lost_state_deploys_the_images_that_were_pushed(images: Images) -> None:
    first = images.pulumi.up().outputs["digest"]
    images.pulumi.destroy()
    images.forget()
    assert images.pulumi.up().outputs["digest"] == first
    assert len(images.registry.pushed) == 2


def test_a_new_image_is_built_on_a_base_that_only_the_registry_has(images: Images) -> None:
    first = images.pulumi.up().outputs["digest"]
    images.forget()
    images.write(f"{WORDS}/text/words", "second\n")
    second = images.pulumi.up().outputs["digest"]
    assert second != first
    assert "text" in images.ran(second)
    assert sorted(tag.partition(":")[0] for tag in images.registry.pushed) == ["base", "words", "words"]


def test_a_tag_that_names_no_content_is_pushed_again_and_refused(images: Images) -> None:
    program = f"""
import pulumi, pulumi_docker as docker
docker.Image(
    "words",
    image_name="{images.registry.address}/words:tag",
    build=docker.DockerBuildArgs(context="images/base", platform="linux/amd64"),
    registry=docker.RegistryArgs(
        server="{images.registry.address}", username="builder", password=pulumi.Output.secret("not-for-logs")
    ),
)
"""
    images.pulumi.program(program)
    images.pulumi.up()
    images.write("images/base/Dockerfile", _FILES["images/base/Dockerfile"] + "ENV A=b\n")
    refused = images.pulumi.up(check=False)
    assert refused.code != 0
    assert "cannot be overwritten because the repository is immutable" in refused.text


def test_a_pod_reads_the_files_of_a_private_checkout(images: Images) -> None:
    deployed = images.pulumi.up().outputs
    with _umask(0o077):
        for path in sorted((images.pulumi.folder / "images").rglob("*")):
            path.chmod(path.stat().st_mode & 0o700)
        assert images.pulumi.preview().changes() == {"unchanged": 4}
        images.write(f"{WORDS}/text/more", "more\n")
        images.write(f"{WORDS}/text/" + os.fsdecode(b"caf\xe9"), "more\n")
        changed = images.pulumi.up().outputs
    assert changed["identity"] != deployed["identity"]
    listed = images.ran(changed["digest"])
    assert "denied" not in listed
    lines = [line for line in listed.splitlines() if line.startswith(("-", "d"))]
    assert {(line[0], line[1:10]) for line in lines} == {("-", "rw-r--r--"), ("d", "rwxr-xr-x")}
    assert "caf\\xe9" in listed or "caf?" in listed


def test_what_no_image_can_hold_is_one_line_of_a_preview(images: Images) -> None:
    os.mkfifo(images.pulumi.folder / WORDS / "pipe")
    refused = images.pulumi.preview(check=False)
    assert refused.code != 0
    fix = f"delete it or exclude it in {WORDS}/.dockerignore"
    assert f"{WORDS}/pipe: a FIFO can't be part of an image; {fix}" in refused.text
    assert "Traceback" not in refused.text


@contextmanager
def _umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)

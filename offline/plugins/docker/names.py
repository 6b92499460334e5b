"""Image names: `[registry/]repository[:tag][@digest]`."""

from __future__ import annotations

from dataclasses import dataclass

from offline.plugins.provider import ProviderError

DOCKER_HUB = "registry-1.docker.io"


@dataclass(frozen=True)
class ImageName:
    """The parts of an image name; the default registry is Docker Hub."""

    registry: str
    repository: str
    tag: str
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> ImageName:
        name, _, digest = text.partition("@")
        first, slash, rest = name.partition("/")
        named = bool(slash) and (any(mark in first for mark in ".:") or first == "localhost")
        path = rest if named else name
        repository, _, tag = path.partition(":")
        if not named and "/" not in repository:
            repository = f"library/{repository}"
        return cls(first if named else DOCKER_HUB, repository, tag or "latest", digest)

    @property
    def base(self) -> str:
        """The name without tag and digest, as Docker normalises it."""
        registry = "docker.io" if self.registry == DOCKER_HUB else self.registry
        return f"{registry}/{self.repository}"


def require_canonical(text: str) -> None:
    """Require a registry in the name of an image that is pushed."""
    name = ImageName.parse(text)
    if name.registry == DOCKER_HUB or (name.registry == "docker.io" and "/" not in name.repository):
        raise ProviderError(
            f'"{text}": repository name must be canonical.\n'
            "This resource requires all image names to be fully qualified.\n"
            "For example, if you are attempting to push to Dockerhub, prefix your image name with `docker.io`:\n\n"
            "`docker.io/repository/image:tag`"
        )

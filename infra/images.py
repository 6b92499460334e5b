"""Every image that runs: built from a folder, pushed to the private registry, deployed by digest.

The base image is built first; all others are built from its digest. A tag is the hash of everything that determines the
content, so an unchanged folder is neither built nor a difference, and an image that was pushed once is its own cache: a
revert deploys the digest of the first time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_docker as docker

from infra.build_context import prepare
from infra.catalogue.images import BASE
from infra.catalogue.names import PROJECT, image_context
from infra.declaration.workloads import Image as DeclaredImage
from infra.foundation import Registry

_PLATFORM = "linux/amd64"
_INLINE_CACHE = {"BUILDKIT_INLINE_CACHE": "1"}
"""The image tells BuildKit which steps made it, so that it can be the cache of its own build."""


@dataclass(frozen=True)
class BuiltImage:
    """An image that pods can run."""

    name: str
    content: str
    """The hash of its content, known before it is built."""
    own_content: str
    """The hash of its own folder and arguments, without the base image."""
    reference: pulumi.Output[str]
    """By digest."""


@dataclass(frozen=True)
class ImagesArgs:
    registry: Registry
    base_image: str
    """What the platform's base image is built from."""
    declared: Mapping[str, DeclaredImage]


class Images(pulumi.ComponentResource):
    """Builds an image when a component first asks for it, so no list of needed images exists."""

    def __init__(self, name: str, args: ImagesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:Images", name, None, opts)
        self._registry, self._declared = args.registry, args.declared
        self._base = self._build(BASE, args.base_image, args.base_image)
        self._built = {BASE: self._base}
        self.register_outputs({})

    def get(self, name: str) -> BuiltImage:
        """A declared image, or one of the platform's own in `images/<name>`."""
        if name not in self._built:
            self._built[name] = self._build(name, self._base.reference, self._base.content)
        return self._built[name]

    @property
    def built(self) -> Mapping[str, BuiltImage]:
        """All images that were asked for so far, by name."""
        return dict(self._built)

    def _build(self, name: str, base: pulumi.Input[str], base_content: str) -> BuiltImage:
        declared = self._declared.get(name, DeclaredImage())
        context = prepare(image_context(name, declared.context))
        content = context.content_hash({**declared.args, "BASE": base_content})
        registry, repository = self._registry, self._registry.repository(name)
        tag = f"{repository.address}:{content}"
        image = docker.Image(
            name,
            image_name=tag,
            build=docker.DockerBuildArgs(
                context=context.folder,
                args={**declared.args, **_INLINE_CACHE, "BASE": base},
                platform=_PLATFORM,
                # A tag that exists has this very content: it is used, though the engine's cache may be empty.
                cache_from=docker.CacheFromArgs(images=[tag]),
            ),
            registry=docker.RegistryArgs(
                server=registry.server, username=registry.username, password=registry.password
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(repository.ready)),
        )
        return BuiltImage(name, content, context.content_hash(declared.args), image.repo_digest)

"""Every image that runs: built from a folder, pushed to the private registry, deployed by digest.

The base comes first; all others are built on its digest. A tag is the hash of all that decides the content, so that
an unchanged folder is neither built nor a difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_docker as docker

from infra.build_context import content_hash
from infra.catalogue.names import BASE, PROJECT, TRACKING, image_context
from infra.declaration.model import Image as DeclaredImage
from infra.foundation import Registry

_PLATFORM = "linux/amd64"


@dataclass(frozen=True)
class ImageSource:
    """A folder and the arguments of its build."""

    context: str
    args: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class BuiltImage:
    """`content` names what is in it before it is built; `reference` is what pods run."""

    name: str
    content: str
    reference: pulumi.Output[str]


@dataclass(frozen=True)
class ImagesArgs:
    registry: Registry
    base_image: str
    sources: Mapping[str, ImageSource]


def image_sources(declared: Mapping[str, DeclaredImage], needed: Sequence[str] = ()) -> dict[str, ImageSource]:
    """All but the base: the platform's own images, those that its pools need, and the declared ones."""
    own = {name: ImageSource(image_context(name)) for name in (TRACKING, *needed)}
    return own | {name: ImageSource(image_context(name, image.context), image.args) for name, image in declared.items()}


class Images(pulumi.ComponentResource):
    """The one supply chain."""

    built: Mapping[str, BuiltImage]

    def __init__(self, name: str, args: ImagesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:Images", name, None, opts)
        self._registry = args.registry
        source = ImageSource(image_context(BASE))
        base = self._build(BASE, source, args.base_image, args.base_image)
        self.built = {BASE: base} | {
            name: self._build(name, source, base.reference, base.content) for name, source in args.sources.items()
        }
        self.register_outputs({})

    def _build(self, name: str, source: ImageSource, base: pulumi.Input[str], base_content: str) -> BuiltImage:
        content = content_hash(source.context, {**source.args, "BASE": base_content})
        registry = self._registry
        image = docker.Image(
            name,
            image_name=pulumi.Output.concat(registry.repositories[name], ":", content),
            build=docker.DockerBuildArgs(
                context=source.context, args={**source.args, "BASE": base}, platform=_PLATFORM
            ),
            registry=docker.RegistryArgs(
                server=registry.server, username=registry.username, password=registry.password
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(registry.ready)),
        )
        return BuiltImage(name, content, image.repo_digest)

"""What kinds of workloads share: images, models, resources, the tracking server; with the rules for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from infra.catalogue.images import OWN_IMAGES
from infra.catalogue.names import image_context
from infra.declaration.problems import Problem
from infra.declaration.types import Cpu, Memory, Name, Seconds, Settings, memory_bytes, written

if TYPE_CHECKING:
    from infra.declaration.model import Platform


class Image(Settings):
    """A container image for workloads, built from a folder on top of the platform's base image."""

    context: str | None = Field(
        default=None, description="Build context: the folder with the Dockerfile; default images/<name>"
    )
    args: dict[str, str] = Field(default={}, description="Build arguments (`ARG`) of the Dockerfile, by name")


class Model(Settings):
    """A registered model and the team that owns it."""

    team: Name = Field(description="The owning team; only its training jobs may register versions")


class Resources(Settings):
    """Resources of one pod. The CPU limit is one core, or the request if that is larger."""

    cpu: Cpu = Field(default="250m", description="CPU request, in cores")
    memory: Memory = Field(default="512Mi", description="Memory request and limit; exceeding it is an OOM kill")
    scratch: Memory = Field(
        default="500Mi", description="Size limit of /tmp, on the node's disk; exceeding it is an eviction"
    )
    shared_memory: Memory | None = Field(
        default=None,
        description="Size limit of /dev/shm, part of `memory`; none: half of `memory` in training and batch jobs, "
        "whose data loaders need it, and the container runtime's 64Mi elsewhere",
    )

    @model_validator(mode="after")
    def _shared_memory_is_memory(self) -> Self:
        if self.shared_memory is not None and memory_bytes(self.shared_memory) > memory_bytes(self.memory):
            raise ValueError(
                f"sharedMemory ({self.shared_memory}) is part of memory ({self.memory}); write at most that"
            )
        return self


class Tracking(Settings):
    """The MLflow tracking server and model registry."""

    storage: Memory = Field(default="2Gi", description="Size of its volume")
    resources: Resources = Field(default=Resources(memory="1Gi"), description="Resources of its pod")
    timeout: Seconds = Field(default=written("3m"), description="Timeout of a rollout")


def image_names_are_free(platform: Platform, root: Path) -> Iterator[Problem]:
    """The platform builds images of its own, whatever is declared."""
    for name in platform.images:
        if name in OWN_IMAGES:
            yield Problem(f"images.{name}", f"'{name}' is an image of the platform itself; write another name")


def images_have_a_dockerfile(platform: Platform, root: Path) -> Iterator[Problem]:
    """Otherwise the deployment would fail halfway, at the build of the image."""
    for name, image in platform.images.items():
        context = image_context(name, image.context)
        if Path(context).is_absolute() or ".." in Path(context).parts:
            yield Problem(f"images.{name}.context", f"'{context}' is outside the project; write a folder inside it")
        elif not (root / context / "Dockerfile").is_file():
            yield Problem(f"images.{name}", f"there is no '{context}/Dockerfile'; add it, or write another 'context'")


WORKLOAD_RULES = (image_names_are_free, images_have_a_dockerfile)

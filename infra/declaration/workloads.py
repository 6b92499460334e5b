"""Images, models, training jobs, endpoints and the tracking server, with the rules for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from infra.catalogue.images import OWN_IMAGES
from infra.catalogue.names import image_context
from infra.declaration.problems import Problem
from infra.declaration.types import Cpu, Memory, Name, Seconds, Settings, ShortName, written

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


SecretNames = Annotated[tuple[Name, ...], Field(strict=False)]


class Training(Settings):
    """A training job. It runs once, and again whenever one of these changes: its image's own folder, model, arguments,
    resources, pool, GPUs, names of secrets, or revision. `up` submits it and does not wait for it.
    """

    team: Name = Field(description="The team; the workload runs in its namespace")
    image: Name = Field(description="The image to run, a name in `images`")
    model: Name = Field(description="The model to register versions of, a name in `models`")
    args: Annotated[tuple[str, ...], Field(strict=False)] = Field(
        default=(), description="Arguments of the image's entry point"
    )
    resources: Resources = Field(default=Resources(cpu="500m", memory="1Gi"), description="Resources of its pod")
    pool: ShortName | None = Field(default=None, description="The node pool to run in; required for GPUs")
    gpus: int = Field(default=0, ge=0, description="GPUs of its pod, all on one node")
    secrets: SecretNames = Field(
        default=(), description="Secrets to mount, each as the file /var/run/secrets/<name>/value"
    )
    timeout: Seconds = Field(
        default=written("3m"), description="Deadline of each attempt; the time that its pod is pending does not count"
    )
    retries: int = Field(
        default=1,
        ge=0,
        le=10,
        description="Retries after a failed pod (`backoffLimit`); evictions, drains and preemption do not count",
    )
    revision: int = Field(default=0, ge=0, description="Raise it to run the job again though nothing else has changed")


class Serving(Settings):
    """An endpoint that serves the champion version of a model."""

    team: Name = Field(description="The team; the workload runs in its namespace")
    image: Name = Field(description="The image to run, a name in `images`")
    model: Name = Field(description="The model whose champion to serve, a name in `models`")
    replicas: int = Field(default=2, ge=1, le=100, description="Number of pods; a rollout adds one more for a moment")
    resources: Resources = Field(default=Resources(), description="Resources of each pod")
    secrets: SecretNames = Field(
        default=(), description="Secrets to mount, each as the file /var/run/secrets/<name>/value"
    )
    api_key: Name | None = Field(
        default=None, description="The generated secret that callers send as a bearer token; none: no authentication"
    )
    timeout: Seconds = Field(default=written("3m"), description="Timeout of a rollout")


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


def only_owners_train(platform: Platform, root: Path) -> Iterator[Problem]:
    """Only the owning team registers versions of a model."""
    for name, job in platform.training.items():
        owner = platform.models[job.model].team
        if job.team != owner:
            yield Problem(f"training.{name}.team", f"model '{job.model}' belongs to team '{owner}'; write '{owner}'")


def served_models_are_trained(platform: Platform, root: Path) -> Iterator[Problem]:
    """Pods on simulated nodes are never executed, so their jobs register no model version."""
    for name, endpoint in platform.serving.items():
        jobs = [job for job in platform.training.values() if job.model == endpoint.model]
        if jobs and platform.foundation.simulates_pools and all(job.pool for job in jobs):
            yield Problem(
                f"serving.{name}.model",
                f"'{endpoint.model}' is trained on simulated nodes only, where pods are never executed; "
                f"add a training job without 'pool'",
            )


WORKLOAD_RULES = (image_names_are_free, images_have_a_dockerfile, only_owners_train, served_models_are_trained)

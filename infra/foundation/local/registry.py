"""The private registry of one machine: a container on loopback, behind a password, with its storage in a volume.

The volume stays when the stack is destroyed: an image that is pushed again under its digest is neither compressed nor
sent, which would take most of the time of the next update from nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_docker as docker

from infra.build_context import prepare
from infra.catalogue.images import REGISTRY
from infra.catalogue.names import PART_LABEL, PROJECT, image_context
from infra.foundation.contract import Registry, Repository
from infra.secrets.generated import GeneratedPassword, docker_config, htpasswd

_INTERNAL_PORT, _INTERNAL_METRICS_PORT = 5000, 5001
_STORAGE = "/var/lib/registry"
_PASSWORDS = "/auth"


@dataclass(frozen=True)
class LocalRegistryArgs:
    container_name: str
    port: int
    metrics_port: int
    """Both ports are bound to loopback."""
    metrics: str
    """Host and port of the metrics, as pods reach them."""
    base_image: str
    rotation: int
    """How often the password has been rotated."""
    engine: docker.Provider
    protect_data: bool


class LocalRegistry(pulumi.ComponentResource):
    """Nodes pull from it, builds push to it."""

    outputs: Registry

    def __init__(self, name: str, args: LocalRegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:foundation:LocalRegistry", name, None, opts)
        password = GeneratedPassword(name, args.rotation, pulumi.ResourceOptions(parent=self))
        container = self._container(name, args, password)
        server, username = f"127.0.0.1:{args.port}", _username(password.slot)
        prefix = f"{server}/{PROJECT}"
        self.outputs = Registry(
            server=server,
            prefix=prefix,
            repository=lambda image: Repository(f"{prefix}/{image}", [container]),
            username=username,
            password=password.current,
            pull_config=docker_config(server, username, password.current),
            builder=args.engine,
            generated_login=True,
            metrics=args.metrics,
        )
        self.register_outputs({"server": server})

    def _container(self, name: str, args: LocalRegistryArgs, password: GeneratedPassword) -> docker.Container:
        child = pulumi.ResourceOptions(parent=self)
        build_args = {"BASE": args.base_image}
        context = prepare(image_context(REGISTRY))
        image = docker.Image(
            name,
            image_name=f"{PROJECT}/{REGISTRY}:{context.content_hash(build_args)}",
            build=docker.DockerBuildArgs(context=context.folder, args=build_args, platform="linux/amd64"),
            skip_push=True,
            opts=child,
        )
        label = {"label": PART_LABEL, "value": args.container_name}
        kept = pulumi.ResourceOptions(parent=self, protect=args.protect_data)
        labelled = [docker.VolumeLabelArgs(**label)]
        volume = docker.Volume(
            name,
            name=args.container_name,
            labels=labelled,
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect_data, retain_on_delete=True),
        )
        passwords = docker.Volume(
            f"{name}-passwords", name=f"{args.container_name}-passwords", labels=labelled, opts=kept
        )
        # Never started: it uploads the password file into the volume, so that a rotation does not restart the registry.
        carrier = docker.Container(
            f"{name}-passwords",
            name=f"{args.container_name}-passwords",
            image=image.repo_digest,
            start=False,
            must_run=False,
            labels=[docker.ContainerLabelArgs(**label)],
            volumes=[docker.ContainerVolumeArgs(volume_name=passwords.name, container_path=_PASSWORDS)],
            uploads=[docker.ContainerUploadArgs(file=f"{_PASSWORDS}/htpasswd", content=_htpasswd(password))],
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )
        return docker.Container(
            name,
            name=args.container_name,
            image=image.repo_digest,
            restart="unless-stopped",
            labels=[docker.ContainerLabelArgs(**label)],
            ports=[
                docker.ContainerPortArgs(internal=_INTERNAL_PORT, external=args.port, ip="127.0.0.1"),
                docker.ContainerPortArgs(internal=_INTERNAL_METRICS_PORT, external=args.metrics_port, ip="127.0.0.1"),
            ],
            volumes=[
                docker.ContainerVolumeArgs(volume_name=volume.name, container_path=_STORAGE),
                docker.ContainerVolumeArgs(volume_name=passwords.name, container_path=_PASSWORDS, read_only=True),
            ],
            # Waits for the image's health check, so that the first push succeeds.
            wait=True,
            wait_timeout=60,
            # The old container holds the name and the port.
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True, depends_on=[carrier]),
        )


def _username(slot: int) -> str:
    """One user for each accepted password: htpasswd has one password per user."""
    return f"platform-{slot}"


def _htpasswd(password: GeneratedPassword) -> pulumi.Output[str]:
    return htpasswd({_username(slot): each for slot, each in enumerate(password.accepted)})

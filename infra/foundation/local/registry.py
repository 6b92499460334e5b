"""The private registry of one machine: a container on loopback, behind a password, its storage in a volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_docker as docker
import pulumi_random as random

from infra.content import content_hash
from infra.foundation.contract import Registry
from infra.naming import DOMAIN, PROJECT, REGISTRY, image_context
from infra.secrets import docker_config

_USERNAME = "platform"
_INTERNAL_PORT = 5000
_STORAGE = "/var/lib/registry"
_PASSWORDS = "/auth/htpasswd"


@dataclass(frozen=True)
class LocalRegistryArgs:
    container_name: str
    port: int
    base_image: str
    images: Sequence[str]
    engine: docker.Provider
    protect_data: bool


class LocalRegistry(pulumi.ComponentResource):
    """What nodes pull from and builds push to."""

    offer: Registry

    def __init__(self, name: str, args: LocalRegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:foundation:LocalRegistry", name, None, opts)
        password = random.RandomPassword(name, length=32, special=False, opts=pulumi.ResourceOptions(parent=self))
        container = self._container(name, args, password.bcrypt_hash)
        server = f"127.0.0.1:{args.port}"
        secret: pulumi.Output[str] = pulumi.Output.secret(password.result)
        self.offer = Registry(
            server=server,
            repositories={image: f"{server}/{PROJECT}/{image}" for image in args.images},
            username=_USERNAME,
            password=secret,
            pull_config=docker_config(server, _USERNAME, secret),
            builder=args.engine,
            ready=[container],
        )
        self.register_outputs({"server": server})

    def _container(self, name: str, args: LocalRegistryArgs, bcrypt_hash: pulumi.Output[str]) -> docker.Container:
        child = pulumi.ResourceOptions(parent=self)
        build_args = {"BASE": args.base_image}
        context = image_context(REGISTRY)
        image = docker.Image(
            name,
            image_name=f"{PROJECT}/{REGISTRY}:{content_hash(context, build_args)}",
            build=docker.DockerBuildArgs(context=context, args=build_args, platform="linux/amd64"),
            skip_push=True,
            opts=child,
        )
        label = {"label": f"{DOMAIN}/part", "value": args.container_name}
        volume = docker.Volume(
            name,
            name=args.container_name,
            labels=[docker.VolumeLabelArgs(**label)],
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect_data),
        )
        return docker.Container(
            name,
            name=args.container_name,
            image=image.repo_digest,
            restart="unless-stopped",
            labels=[docker.ContainerLabelArgs(**label)],
            ports=[docker.ContainerPortArgs(internal=_INTERNAL_PORT, external=args.port, ip="127.0.0.1")],
            volumes=[docker.ContainerVolumeArgs(volume_name=volume.name, container_path=_STORAGE)],
            uploads=[
                docker.ContainerUploadArgs(
                    file=_PASSWORDS,
                    content=pulumi.Output.secret(pulumi.Output.format("{}:{}\n", _USERNAME, bcrypt_hash)),
                )
            ],
            # Healthy by its image's own check: the first push finds it answering.
            wait=True,
            wait_timeout=60,
            # Its name and port are taken as long as the old one runs.
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )

"""The object store of one machine: a container on loopback with the datasets that are objects, in a volume."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_docker as docker

from infra.build_context import prepare
from infra.catalogue.images import OBJECT_STORE
from infra.catalogue.names import ADMINISTRATOR, PART_LABEL, PROJECT, image_context
from infra.foundation.contract import AllowedEgress, Bucket, ObjectStore, shared_credentials
from infra.secrets.derive import derived_password
from infra.secrets.generated import GeneratedPassword

_BUCKET = "datasets"
_REGION = "us-east-1"
"""Which the store expects in signatures."""
_INTERNAL_PORT = 7070
_DATA = "/data"
_GIVEN = "/etc/object-store"


@dataclass(frozen=True)
class LocalObjectStoreArgs:
    container_name: str
    port: int
    """Bound to loopback."""
    node: str
    """The address at which pods reach that port."""
    prefixes: Mapping[str, Sequence[str]]
    """Of the datasets, by the team that may read them."""
    base_image: str
    protect_data: bool


class LocalObjectStore(pulumi.ComponentResource):
    """One bucket. Each team has a key that lists and reads the prefixes of its datasets; people write as administrator.

    Other teams or prefixes replace the container, and its volume stays.
    """

    outputs: Mapping[str, ObjectStore]
    """By team."""
    bucket: Bucket

    def __init__(self, name: str, args: LocalObjectStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:foundation:LocalObjectStore", name, None, opts)
        key = GeneratedPassword(name, 0, pulumi.ResourceOptions(parent=self)).current
        keys = {user: _derived(key, user) for user in (*args.prefixes, ADMINISTRATOR)}
        container = self._container(name, args, keys)
        url = f"http://{args.node}:{args.port}"
        env = {"AWS_ENDPOINT_URL_S3": url, "AWS_REGION": _REGION, "AWS_DEFAULT_REGION": _REGION}
        egress = [AllowedEgress("objects", [("TCP", args.port)], cidr=f"{args.node}/32")]
        self.outputs = {
            team: ObjectStore(f"s3://{_BUCKET}", env, egress, shared_credentials(team, keys[team]), ready=[container])
            for team in args.prefixes
        }
        self.bucket = Bucket(f"http://127.0.0.1:{args.port}", _BUCKET, ADMINISTRATOR, keys[ADMINISTRATOR])
        self.register_outputs({"url": self.bucket.endpoint})

    def _container(
        self, name: str, args: LocalObjectStoreArgs, keys: Mapping[str, pulumi.Output[str]]
    ) -> docker.Container:
        child = pulumi.ResourceOptions(parent=self)
        build_args = {"BASE": args.base_image}
        context = prepare(image_context(OBJECT_STORE))
        image = docker.Image(
            name,
            image_name=f"{PROJECT}/{OBJECT_STORE}:{context.content_hash(build_args)}",
            build=docker.DockerBuildArgs(context=context.folder, args=build_args, platform="linux/amd64"),
            skip_push=True,
            opts=child,
        )
        label = {"label": PART_LABEL, "value": args.container_name}
        volume = docker.Volume(
            name,
            name=args.container_name,
            labels=[docker.VolumeLabelArgs(**label)],
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect_data),
        )
        given: dict[str, pulumi.Input[str]] = {
            "users.json": _users({team: keys[team] for team in args.prefixes}),
            "policy.json": json.dumps(bucket_policy(args.prefixes)),
            "admin": keys[ADMINISTRATOR],
        }
        return docker.Container(
            name,
            name=args.container_name,
            image=image.repo_digest,
            command=[_BUCKET],
            restart="unless-stopped",
            labels=[docker.ContainerLabelArgs(**label)],
            ports=[docker.ContainerPortArgs(internal=_INTERNAL_PORT, external=args.port, ip="127.0.0.1")],
            volumes=[docker.ContainerVolumeArgs(volume_name=volume.name, container_path=_DATA)],
            uploads=[docker.ContainerUploadArgs(file=f"{_GIVEN}/{file}", content=text) for file, text in given.items()],
            # Waits for the image's health check, so that the first pod finds it.
            wait=True,
            wait_timeout=60,
            # The old container holds the name and the port.
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )


def bucket_policy(prefixes: Mapping[str, Sequence[str]]) -> dict[str, object]:
    """Each team reads and lists the prefixes of its datasets; nothing else is allowed."""
    bucket = f"arn:aws:s3:::{_BUCKET}"
    statements: list[dict[str, object]] = []
    for team, below in sorted(prefixes.items()):
        allowed = {"Effect": "Allow", "Principal": {"AWS": [team]}}
        keys = [f"{prefix}*" for prefix in below]
        listed = {"StringLike": {"s3:prefix": keys}}
        statements += [
            {**allowed, "Action": "s3:GetObject", "Resource": [f"{bucket}/{key}" for key in keys]},
            {**allowed, "Action": "s3:ListBucket", "Resource": bucket, "Condition": listed},
        ]
    return {"Version": "2012-10-17", "Statement": statements}


def _derived(key: pulumi.Output[str], user: str) -> pulumi.Output[str]:
    return pulumi.Output.secret(key.apply(lambda value: derived_password(value, user)))


def _users(keys: Mapping[str, pulumi.Output[str]]) -> pulumi.Output[str]:
    """Accounts as the gateway stores them; those with the role `user` can do what the bucket policy allows only."""

    def accounts(known: Mapping[str, str]) -> str:
        users = {team: {"access": team, "secret": secret, "role": "user"} for team, secret in sorted(known.items())}
        return json.dumps({"accessAccounts": users})

    return pulumi.Output.all(**keys).apply(accounts)

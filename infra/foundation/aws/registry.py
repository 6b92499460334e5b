"""The private registry in ECR: one repository per image.

Tags are mutable: images are deployed by digest, so a moved tag deploys nothing, but a refused push fails a rollback.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
import pulumi_docker as docker
from pulumi_aws import ecr

from infra.catalogue.names import PROJECT
from infra.declaration.aws.settings import ImageRegistry as Settings
from infra.foundation.aws.context import AwsContext
from infra.foundation.contract import Registry, Repository

_BASE = "cache.base"


@dataclass(frozen=True)
class AwsRegistryArgs:
    settings: Settings
    context: AwsContext
    key: pulumi.Input[str]
    account: pulumi.ProviderResource
    builder: docker.Provider
    protect: bool


class AwsRegistry(pulumi.ComponentResource):
    """Nodes pull with their role; builds push with a login that is valid for 12 hours."""

    outputs: Registry

    def __init__(self, name: str, args: AwsRegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:foundation:AwsRegistry", name, None, opts)
        self._args = args
        self._made: dict[str, Repository] = {}
        mirrors = [
            ecr.PullThroughCacheRule(
                prefix,
                ecr_repository_prefix=args.context.cache_prefix(prefix),
                upstream_registry_url=upstream,
                opts=pulumi.ResourceOptions(parent=self),
            )
            for prefix, upstream in args.settings.mirrors.items()
        ]
        # Created before the first pull: ECR would create it without key and tags, and it would outlive the stack.
        base = self._create(_BASE, cached_repository(args.context, args.settings.base_image))
        token = ecr.get_authorization_token_output(
            registry_id=args.context.account, opts=pulumi.InvokeOutputOptions(provider=args.account, parent=self)
        )
        password: pulumi.Output[str] = pulumi.Output.secret(token.password)
        self._mirrored = [*mirrors, base]
        server = args.context.registry
        self._prefix = f"{server}/{args.context.name}"
        self.outputs = Registry(
            server=server,
            prefix=self._prefix,
            repository=self.repository,
            username="AWS",
            password=password,
            pull_config=None,
            builder=args.builder,
        )
        self.register_outputs({"server": server})

    def repository(self, image: str) -> Repository:
        """Created by the first call for an image. Its base image is pulled through a mirror, which must exist too."""
        if image not in self._made:
            created = self._create(image, f"{self._args.context.name}/{image}")
            self._made[image] = Repository(f"{self._prefix}/{image}", [created, *self._mirrored])
        return self._made[image]

    def _create(self, image: str, name: str) -> ecr.Repository:
        args = self._args
        repository = ecr.Repository(
            image,
            name=name,
            image_tag_mutability="MUTABLE",
            image_scanning_configuration=ecr.RepositoryImageScanningConfigurationArgs(scan_on_push=True),
            encryption_configurations=[
                ecr.RepositoryEncryptionConfigurationArgs(encryption_type="KMS", kms_key=args.key)
            ],
            force_delete=not args.protect,
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        ecr.LifecyclePolicy(
            image,
            repository=repository.name,
            policy=lifecycle(args.settings),
            opts=pulumi.ResourceOptions(parent=self),
        )
        return repository


def cached_repository(context: AwsContext, image: str) -> str:
    """The repository in which a mirror caches an image; the image's name begins with the mirror's prefix."""
    prefix, _, path = image.partition("@")[0].partition("/")
    return f"{context.cache_prefix(prefix)}/{path.partition(':')[0]}"


def cached_image(context: AwsContext, image: str) -> str:
    """The reference that pulls the same image through the mirror."""
    prefix, _, rest = image.partition("/")
    return f"{context.registry}/{context.cache_prefix(prefix)}/{rest}"


def lifecycle(settings: Settings) -> str:
    """Untagged images expire by age, tagged ones by count."""
    untagged = {"countType": "sinceImagePushed", "countUnit": "days", "countNumber": settings.untagged_days}
    newest = {"countType": "imageCountMoreThan", "countNumber": settings.keep_images}
    rules = [
        _expiry(1, "untagged images", {"tagStatus": "untagged", **untagged}),
        _expiry(2, "all but the last images", {"tagStatus": "any", **newest}),
    ]
    return json.dumps({"rules": rules})


def _expiry(priority: int, description: str, selection: dict[str, object]) -> dict[str, object]:
    return {
        "rulePriority": priority,
        "description": description,
        "selection": selection,
        "action": {"type": "expire"},
    }

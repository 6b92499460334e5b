"""The private registry in ECR: one repository an image, whose tags never move."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_docker as docker
from pulumi_aws import ecr

from infra.catalogue.names import PROJECT
from infra.declaration.aws.settings import ImageRegistry as Settings
from infra.foundation.aws.context import Place
from infra.foundation.contract import Registry

_BASE = "cache.base"


@dataclass(frozen=True)
class AwsRegistryArgs:
    settings: Settings
    place: Place
    images: Sequence[str]
    key: pulumi.Input[str]
    account: pulumi.ProviderResource
    builder: docker.Provider
    protect: bool


class AwsRegistry(pulumi.ComponentResource):
    """Nodes pull by their own role; only whoever builds needs a login, and it lasts for hours."""

    offer: Registry

    def __init__(self, name: str, args: AwsRegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:foundation:AwsRegistry", name, None, opts)
        self._args = args
        server = args.place.registry
        repositories = {
            image: self._repository(image, f"{args.place.name}/{image}", "IMMUTABLE") for image in args.images
        }
        mirrors = [
            ecr.PullThroughCacheRule(
                prefix,
                ecr_repository_prefix=args.place.cache_prefix(prefix),
                upstream_registry_url=upstream,
                opts=pulumi.ResourceOptions(parent=self),
            )
            for prefix, upstream in args.settings.mirrors.items()
        ]
        # Made before the first pull, or ECR would make it without a key or tags, and it would outlive the stack.
        base = self._repository(_BASE, cached_repository(args.place, args.settings.base_image), "MUTABLE")
        token = ecr.get_authorization_token_output(
            registry_id=args.place.account, opts=pulumi.InvokeOutputOptions(provider=args.account, parent=self)
        )
        password: pulumi.Output[str] = pulumi.Output.secret(token.password)
        self.offer = Registry(
            server=server,
            repositories={image: f"{server}/{args.place.name}/{image}" for image in args.images},
            username="AWS",
            password=password,
            pull_config=None,
            builder=args.builder,
            ready=[*repositories.values(), *mirrors, base],
        )
        self.register_outputs({"server": server})

    def _repository(self, image: str, name: str, mutability: str) -> ecr.Repository:
        args = self._args
        repository = ecr.Repository(
            image,
            name=name,
            image_tag_mutability=mutability,
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


def cached_repository(place: Place, image: str) -> str:
    """Where a mirror keeps an image that is named by the mirror's prefix, and perhaps by tag or digest."""
    prefix, _, path = image.partition("@")[0].partition("/")
    return f"{place.cache_prefix(prefix)}/{path.partition(':')[0]}"


def cached_image(place: Place, image: str) -> str:
    """How the same image is pulled through the mirror."""
    prefix, _, rest = image.partition("/")
    return f"{place.registry}/{place.cache_prefix(prefix)}/{rest}"


def lifecycle(settings: Settings) -> str:
    """Untagged images go after some days; of the others the last so many stay."""
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

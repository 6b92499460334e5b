"""Image repositories. The emulator has no pull-through cache, so its rules are kept."""

from __future__ import annotations

from offline.plugins.aws.kind import Change, Kind, Lookup, Name, Step, Text
from offline.plugins.aws.tagging import ECR
from offline.plugins.marshal import Bag

REPOSITORY = Kind(
    "aws:ecr/repository:Repository",
    "ecr",
    Step("CreateRepository"),
    "repository.repositoryName",
    Lookup("DescribeRepositories", {"repositoryNames": ["{id}"]}, "repositories[0]"),
    updates=(
        Step(
            "PutImageTagMutability",
            ("imageTagMutability", "imageTagMutabilityExclusionFilters"),
            {"repositoryName": "{id}"},
        ),
        Step("PutImageScanningConfiguration", ("imageScanningConfiguration",), {"repositoryName": "{id}"}),
    ),
    delete=(
        Step(
            "DeleteRepository",
            build=lambda change: [{"repositoryName": change.id, "force": bool(change.old.get("forceDelete"))}],
        ),
    ),
    replaces=frozenset({"encryptionConfigurations"}),
    outputs={
        "arn": "repositoryArn",
        "registryId": "registryId",
        "repositoryUrl": Text("{account}.dkr.ecr.{region}.{suffix}/{id}"),
    },
    names={"name": "repositoryName", "encryptionConfigurations": "encryptionConfiguration"},
    defaults={"imageTagMutability": "MUTABLE"},
    name=Name(),
    local=frozenset({"forceDelete"}),
    tagging=ECR,
)

LIFECYCLE_POLICY = Kind(
    "aws:ecr/lifecyclePolicy:LifecyclePolicy",
    "ecr",
    Step("PutLifecyclePolicy"),
    "{repository}",
    Lookup("GetLifecyclePolicy", {"repositoryName": "{id}"}),
    updates=(Step("PutLifecyclePolicy", ("policy",), {"repositoryName": "{id}"}),),
    delete=(Step("DeleteLifecyclePolicy", arguments={"repositoryName": "{id}"}),),
    replaces=frozenset({"repository"}),
    outputs={"registryId": "registryId"},
    names={"repository": "repositoryName", "policy": "lifecyclePolicyText"},
    delete_before_replace=True,
)


def _credentials(change: Change) -> list[Bag]:
    changed = {key: change.new[key] for key in ("credentialArn", "customRoleArn") if change.new.get(key)}
    return [{"ecrRepositoryPrefix": change.id, **changed}]


CACHE_RULE = Kind(
    "aws:ecr/pullThroughCacheRule:PullThroughCacheRule",
    "ecr",
    Step("CreatePullThroughCacheRule"),
    "{ecrRepositoryPrefix}",
    Lookup("DescribePullThroughCacheRules", {"ecrRepositoryPrefixes": ["{id}"]}, "pullThroughCacheRules[0]"),
    updates=(Step("UpdatePullThroughCacheRule", ("credentialArn", "customRoleArn"), build=_credentials),),
    replaces=frozenset({"ecrRepositoryPrefix", "upstreamRegistryUrl", "upstreamRepositoryPrefix"}),
    outputs={"registryId": "registryId", "upstreamRepositoryPrefix": ("upstreamRepositoryPrefix", Text("ROOT"))},
    kept={"registryId": "{account}"},
)

KINDS = (REPOSITORY, LIFECYCLE_POLICY, CACHE_RULE)

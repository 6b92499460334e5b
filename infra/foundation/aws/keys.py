"""KMS keys: one per purpose, rotated yearly, each usable only where it is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import kms

from infra.catalogue.names import PROJECT
from infra.foundation.aws.context import AwsContext
from infra.foundation.aws.iam import Statement, document, grant

CLUSTER, REGISTRY, ARTIFACTS, DATABASE, LOGS = "cluster", "registry", "artifacts", "database", "logs"
SECRETS, DISKS = "secrets", "disks"
METRICS, ALERTS, DATASETS = "metrics", "alerts", "datasets"
BACKUP = "backup"
"""In the second region."""
_PURPOSES = {
    CLUSTER: "Kubernetes secrets",
    REGISTRY: "images",
    ARTIFACTS: "runs and models",
    DATABASE: "the tracking server's database and its login",
    SECRETS: "the teams' secrets",
    DISKS: "nodes' disks and volumes",
    LOGS: "logs of cluster and network",
}
_MORE_PURPOSES = {METRICS: "metrics", ALERTS: "alerts on their way to subscribers", DATASETS: "datasets"}
"""Purposes that only some stacks have."""
_USE = [
    *("kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:DescribeKey"),
    *("kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext"),
]
_ADMINISTRATION = [
    f"kms:{action}"
    for action in (
        "CancelKeyDeletion",
        "CreateAlias",
        "CreateGrant",
        "DeleteAlias",
        "DisableKeyRotation",
        "EnableKeyRotation",
        "GetKeyPolicy",
        "GetKeyRotationStatus",
        "ListGrants",
        "ListResourceTags",
        "PutKeyPolicy",
        "RetireGrant",
        "RevokeGrant",
        "ScheduleKeyDeletion",
        "TagResource",
        "UntagResource",
        "UpdateAlias",
        "UpdateKeyDescription",
    )
]


@dataclass(frozen=True)
class KeysArgs:
    """`more`: more purposes. `deployer`: the ARN of the pipeline's deploy role, if there is one; it must exist."""

    context: AwsContext
    protect: bool
    more: Sequence[str] = ()
    deployer: str | None = None


class Keys(pulumi.ComponentResource):
    """Losing a key loses its data: deletion waits 30 days, or 7 if data is not protected."""

    arns: Mapping[str, pulumi.Output[str]]

    def __init__(self, name: str, args: KeysArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:foundation:AwsKeys", name, None, opts)
        purposes = _PURPOSES | {purpose: _MORE_PURPOSES[purpose] for purpose in args.more}
        opts = pulumi.ResourceOptions(parent=self)
        self.arns = {
            purpose: create_key(purpose, what, args.context, args.protect, opts, args.deployer)
            for purpose, what in purposes.items()
        }
        self.register_outputs({})


def create_key(
    purpose: str,
    what: str,
    context: AwsContext,
    protect: bool,
    opts: pulumi.ResourceOptions,
    deployer: str | None = None,
) -> pulumi.Output[str]:
    """The ARN of a key for `what`. It depends on the alias, because policies refer to the key by its alias."""
    key = kms.Key(
        purpose,
        description=f"{context.name}: {what}",
        enable_key_rotation=True,
        deletion_window_in_days=30 if protect else 7,
        policy=key_policy(context, purpose, deployer),
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(protect=protect)),
    )
    alias = kms.Alias(purpose, name=context.key_alias(purpose), target_key_id=key.key_id, opts=opts)
    arn: pulumi.Output[str] = alias.target_key_arn
    return arn


def key_policy(context: AwsContext, purpose: str, deployer: str | None = None) -> str:
    """Delegates to the account's IAM policies; services without a role of ours are allowed here.

    So is the deploy role: an IAM policy that names no key would allow it keys of others.
    """
    account = grant({"AWS": context.iam_arn("root")}, ["kms:*"], ["*"])
    logs = [_log_service(context)] if purpose == LOGS else []
    alarms = [_alarms(context)] if purpose == ALERTS else []
    deploys = [grant({"AWS": deployer}, [*_ADMINISTRATION, *_USE], ["*"])] if deployer else []
    return document(account, *deploys, *logs, *alarms)


def _alarms(context: AwsContext) -> Statement:
    """CloudWatch, to publish the account's alarms to encrypted topics."""
    source = {"StringEquals": {"aws:SourceAccount": context.account}}
    return grant({"Service": "cloudwatch.amazonaws.com"}, ["kms:Decrypt", "kms:GenerateDataKey"], ["*"], source)


def _log_service(context: AwsContext) -> Statement:
    """CloudWatch Logs, for log groups of this account and region."""
    return grant(
        {"Service": f"logs.{context.region}.{context.domain}"},
        _USE,
        ["*"],
        {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": context.arn("logs", "log-group:*")}},
    )

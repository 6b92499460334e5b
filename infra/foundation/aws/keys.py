"""Encryption keys: one a purpose, renewed each year, each usable by those only who need it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_aws import kms

from infra.foundation.aws.iam import Statement, document, grant
from infra.foundation.aws.place import Place
from infra.naming import PROJECT

CLUSTER, REGISTRY, ARTIFACTS, DATABASE, LOGS = "cluster", "registry", "artifacts", "database", "logs"
_PURPOSES = {
    CLUSTER: "Kubernetes secrets",
    REGISTRY: "images",
    ARTIFACTS: "runs and models",
    DATABASE: "the tracking server's database and its login",
    LOGS: "logs of cluster and network",
}
_USE = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey", "kms:DescribeKey"]


@dataclass(frozen=True)
class KeysArgs:
    place: Place
    protect: bool


class Keys(pulumi.ComponentResource):
    """A lost key is lost data, so that removing one takes a month; a week where data is not protected."""

    arns: Mapping[str, pulumi.Output[str]]

    def __init__(self, name: str, args: KeysArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:foundation:AwsKeys", name, None, opts)
        self.arns = {purpose: self._key(purpose, what, args) for purpose, what in _PURPOSES.items()}
        self.register_outputs({})

    def _key(self, purpose: str, what: str, args: KeysArgs) -> pulumi.Output[str]:
        key = kms.Key(
            purpose,
            description=f"{args.place.name}: {what}",
            enable_key_rotation=True,
            deletion_window_in_days=30 if args.protect else 7,
            policy=key_policy(args.place, purpose),
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        # Whoever has the key finds it by its alias already there: policies go by it.
        alias = kms.Alias(
            purpose,
            name=args.place.key_alias(purpose),
            target_key_id=key.key_id,
            opts=pulumi.ResourceOptions(parent=self),
        )
        arn: pulumi.Output[str] = alias.target_key_arn
        return arn


def key_policy(place: Place, purpose: str) -> str:
    """The account's own policies decide; the logs' service has no role, and so it is named here."""
    account = grant({"AWS": place.iam_arn("root")}, ["kms:*"], ["*"])
    return document(account, *([_log_service(place)] if purpose == LOGS else []))


def _log_service(place: Place) -> Statement:
    """CloudWatch, for the logs of this account and region."""
    return grant(
        {"Service": f"logs.{place.region}.{place.domain}"},
        _USE,
        ["*"],
        {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": place.arn("logs", "log-group:*")}},
    )

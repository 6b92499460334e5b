"""Secrets and their values."""

from __future__ import annotations

from offline.plugins.aws.kind import Change, Kind, Lookup, Name, Step
from offline.plugins.aws.tagging import SECRETS
from offline.plugins.marshal import Bag

_RECOVERY_DAYS = 30


def _deletion(change: Change) -> list[Bag]:
    days = int(change.old.get("recoveryWindowInDays", _RECOVERY_DAYS))
    how = {"RecoveryWindowInDays": days} if days else {"ForceDeleteWithoutRecovery": True}
    return [{"SecretId": change.id, **how}]


SECRET = Kind(
    "aws:secretsmanager/secret:Secret",
    "secretsmanager",
    Step("CreateSecret"),
    "ARN",
    Lookup("DescribeSecret", {"SecretId": "{id}"}),
    updates=(
        Step("UpdateSecret", ("description", "kmsKeyId"), {"SecretId": "{id}"}),
        Step("PutResourcePolicy", ("policy",), {"SecretId": "{id}"}, at_creation=True),
    ),
    delete=(Step("DeleteSecret", build=_deletion),),
    replaces=frozenset({"namePrefix", "type"}),
    outputs={"arn": "ARN"},
    names={"policy": "ResourcePolicy", "replicas": "AddReplicaRegions"},
    defaults={"forceOverwriteReplicaSecret": False, "recoveryWindowInDays": _RECOVERY_DAYS},
    name=Name(longest=512),
    local=frozenset({"recoveryWindowInDays", "forceOverwriteReplicaSecret"}),
    tagging=SECRETS,
    empty=lambda found, _: bool(found.get("DeletedDate")),
)

VERSION = Kind(
    "aws:secretsmanager/secretVersion:SecretVersion",
    "secretsmanager",
    Step("PutSecretValue"),
    "join('|', [ARN, VersionId])",
    Lookup("DescribeSecret", {"SecretId": "{secretId}"}),
    replaces=frozenset({"secretBinary", "secretId", "secretString"}),
    outputs={
        "arn": "ARN",
        "secretArn": "ARN",
        "versionId": Lookup("GetSecretValue", {"SecretId": "{secretId}"}, "VersionId"),
        "versionStages": Lookup("GetSecretValue", {"SecretId": "{secretId}"}, "VersionStages"),
    },
    empty=lambda found, _: bool(found.get("DeletedDate")),
)

KINDS = (SECRET, VERSION)

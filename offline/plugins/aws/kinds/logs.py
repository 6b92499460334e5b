"""Log groups."""

from __future__ import annotations

from offline.plugins.aws.kind import Change, Kind, Lookup, Name, Step, Text
from offline.plugins.aws.tagging import LOGS
from offline.plugins.marshal import Bag


def _retention(change: Change) -> list[Bag]:
    days = change.new.get("retentionInDays")
    return [{"logGroupName": change.id, "retentionInDays": int(days)}] if days else []


def _forever(change: Change) -> list[Bag]:
    ended = change.old.get("retentionInDays") and not change.new.get("retentionInDays")
    return [{"logGroupName": change.id}] if ended else []


GROUP = Kind(
    "aws:cloudwatch/logGroup:LogGroup",
    "logs",
    Step("CreateLogGroup"),
    "{name}",
    Lookup("DescribeLogGroups", {"logGroupNamePrefix": "{id}"}, "logGroups[0]"),
    updates=(
        Step("PutRetentionPolicy", ("retentionInDays",), build=_retention, at_creation=True),
        Step("DeleteRetentionPolicy", ("retentionInDays",), build=_forever),
        Step("AssociateKmsKey", ("kmsKeyId",), {"logGroupName": "{id}"}, held=False),
        Step(
            "PutLogGroupDeletionProtection",
            ("deletionProtectionEnabled",),
            {"logGroupIdentifier": "{id}"},
            held=False,
        ),
    ),
    delete=(Step("DeleteLogGroup", arguments={"logGroupName": "{id}"}),),
    replaces=frozenset({"logGroupClass", "namePrefix"}),
    outputs={"arn": Text("arn:{partition}:logs:{region}:{account}:log-group:{id}"), "logGroupClass": Text("STANDARD")},
    names={"name": "logGroupName"},
    defaults={"deletionProtectionEnabled": False, "retentionInDays": 0, "skipDestroy": False},
    name=Name(longest=512),
    local=frozenset({"skipDestroy"}),
    unread=frozenset({"kmsKeyId", "deletionProtectionEnabled"}),
    tagging=LOGS,
    empty=lambda found, wanted: found["logGroupName"] != wanted["name"],
)

KINDS = (GROUP,)

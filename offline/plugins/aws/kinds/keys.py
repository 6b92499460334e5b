"""KMS keys and their aliases."""

from __future__ import annotations

from offline.plugins.aws.kind import Change, Kind, Lookup, Name, Step, Text
from offline.plugins.aws.tagging import KMS
from offline.plugins.marshal import Bag

_LONGEST_WINDOW = 30


def _switch(property: str, on: bool) -> Step:
    """Turned on and off by operations of their own; nothing is called for the state that a new key has."""
    operation = {
        ("enableKeyRotation", True): "EnableKeyRotation",
        ("enableKeyRotation", False): "DisableKeyRotation",
        ("isEnabled", True): "EnableKey",
        ("isEnabled", False): "DisableKey",
    }[property, on]
    initial = property == "isEnabled"
    period = "rotationPeriodInDays"

    def build(change: Change) -> list[Bag]:
        wanted, days = bool(change.new.get(property)), change.new.get(period)
        if wanted is not on or (not change.old and wanted is initial):
            return []
        every = {"RotationPeriodInDays": int(days)} if operation == "EnableKeyRotation" and days else {}
        return [{"KeyId": change.id, **every}]

    properties = (property, period) if property == "enableKeyRotation" else (property,)
    return Step(operation, properties, build=build, at_creation=True)


KEY = Kind(
    "aws:kms/key:Key",
    "kms",
    Step("CreateKey"),
    "KeyMetadata.KeyId",
    Lookup("DescribeKey", {"KeyId": "{id}"}, "KeyMetadata"),
    updates=(
        Step("UpdateKeyDescription", ("description",), {"KeyId": "{id}"}),
        Step("PutKeyPolicy", ("policy",), {"KeyId": "{id}", "PolicyName": "default"}),
        *(_switch(name, on) for name in ("enableKeyRotation", "isEnabled") for on in (True, False)),
    ),
    delete=(
        Step(
            "ScheduleKeyDeletion",
            build=lambda change: [
                {
                    "KeyId": change.id,
                    "PendingWindowInDays": int(change.old.get("deletionWindowInDays", _LONGEST_WINDOW)),
                }
            ],
        ),
    ),
    replaces=frozenset({"customKeyStoreId", "customerMasterKeySpec", "keyUsage", "multiRegion", "xksKeyId"}),
    outputs={
        "arn": "Arn",
        "keyId": "KeyId",
        "description": "Description",
        "multiRegion": "MultiRegion",
        "policy": Lookup("GetKeyPolicy", {"KeyId": "{id}", "PolicyName": "default"}, "Policy"),
        "rotationPeriodInDays": Lookup("GetKeyRotationStatus", {"KeyId": "{id}"}, "RotationPeriodInDays"),
    },
    names={"customerMasterKeySpec": "KeySpec"},
    defaults={
        "bypassPolicyLockoutSafetyCheck": False,
        "customerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "enableKeyRotation": False,
        "isEnabled": True,
        "keyUsage": "ENCRYPT_DECRYPT",
    },
    local=frozenset({"deletionWindowInDays"}),
    tagging=KMS,
    empty=lambda found, _: found.get("KeyState") == "PendingDeletion",
)

ALIAS = Kind(
    "aws:kms/alias:Alias",
    "kms",
    Step("CreateAlias"),
    "{name}",
    Lookup("DescribeKey", {"KeyId": "{id}"}, "KeyMetadata"),
    updates=(Step("UpdateAlias", ("targetKeyId",), {"AliasName": "{id}"}),),
    delete=(Step("DeleteAlias", arguments={"AliasName": "{id}"}),),
    replaces=frozenset({"namePrefix"}),
    outputs={
        "arn": Text("arn:{partition}:kms:{region}:{account}:{id}"),
        "targetKeyArn": "Arn",
    },
    names={"name": "AliasName"},
    name=Name(longest=238, prefix="alias/"),
)

KINDS = (KEY, ALIAS)

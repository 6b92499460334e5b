"""Databases and what they refer to."""

from __future__ import annotations

from offline.plugins.aws.kind import Change, Kind, Lookup, Name, Step, Text
from offline.plugins.aws.tagging import RDS
from offline.plugins.marshal import Bag

_OF_INSTANCE = {"DBInstanceIdentifier": "{identifier}"}
_NAMES = {
    "backupWindow": "PreferredBackupWindow",
    "caCertIdentifier": "CACertificateIdentifier",
    "dbName": "DBName",
    "dbSubnetGroupName": "DBSubnetGroupName",
    "enabledCloudwatchLogsExports": "EnableCloudwatchLogsExports",
    "iamDatabaseAuthenticationEnabled": "EnableIAMDatabaseAuthentication",
    "identifier": "DBInstanceIdentifier",
    "instanceClass": "DBInstanceClass",
    "maintenanceWindow": "PreferredMaintenanceWindow",
    "multiAz": "MultiAZ",
    "parameterGroupName": "DBParameterGroupName",
    "password": "MasterUserPassword",
    "performanceInsightsEnabled": "EnablePerformanceInsights",
    "performanceInsightsKmsKeyId": "PerformanceInsightsKMSKeyId",
    "username": "MasterUsername",
}
_MODIFIED = [
    "allocatedStorage",
    "autoMinorVersionUpgrade",
    "backupRetentionPeriod",
    "backupWindow",
    "caCertIdentifier",
    "copyTagsToSnapshot",
    "databaseInsightsMode",
    "dbSubnetGroupName",
    "dedicatedLogVolume",
    "deletionProtection",
    "engineVersion",
    "iamDatabaseAuthenticationEnabled",
    "instanceClass",
    "iops",
    "licenseModel",
    "maintenanceWindow",
    "manageMasterUserPassword",
    "masterUserSecretKmsKeyId",
    "maxAllocatedStorage",
    "monitoringInterval",
    "monitoringRoleArn",
    "multiAz",
    "networkType",
    "parameterGroupName",
    "password",
    "performanceInsightsEnabled",
    "performanceInsightsKmsKeyId",
    "performanceInsightsRetentionPeriod",
    "publiclyAccessible",
    "storageThroughput",
    "storageType",
    "vpcSecurityGroupIds",
]


def _log_exports(change: Change) -> list[Bag]:
    name = "enabledCloudwatchLogsExports"
    old, new = set(change.old.get(name) or []), set(change.new.get(name) or [])
    parts = {"EnableLogTypes": sorted(new - old), "DisableLogTypes": sorted(old - new)}
    return [{"CloudwatchLogsExportConfiguration": {key: value for key, value in parts.items() if value}}]


def _last_snapshot(change: Change) -> list[Bag]:
    """As the official plugin: a snapshot is kept unless the program says that none is wanted."""
    skip, name = bool(change.old.get("skipFinalSnapshot")), change.old.get("finalSnapshotIdentifier")
    kept = {} if skip or not name else {"FinalDBSnapshotIdentifier": name}
    automatic = bool(change.old.get("deleteAutomatedBackups", True))
    return [{"SkipFinalSnapshot": skip, **kept, "DeleteAutomatedBackups": automatic}]


INSTANCE = Kind(
    "aws:rds/instance:Instance",
    "rds",
    Step("CreateDBInstance"),
    "DBInstance.DbiResourceId",
    Lookup("DescribeDBInstances", _OF_INSTANCE, "DBInstances[0]"),
    updates=(
        Step("ModifyDBInstance", tuple(_MODIFIED), {**_OF_INSTANCE, "ApplyImmediately": True}, partial=True),
        Step("ModifyDBInstance", ("enabledCloudwatchLogsExports",), _OF_INSTANCE, build=_log_exports),
    ),
    delete=(Step("DeleteDBInstance", arguments=_OF_INSTANCE, build=_last_snapshot),),
    replaces=frozenset(
        [
            "availabilityZone",
            "backupTarget",
            "characterSetName",
            "customIamInstanceProfile",
            "dbName",
            "engine",
            "identifierPrefix",
            "kmsKeyId",
            "ncharCharacterSetName",
            "snapshotIdentifier",
            "storageEncrypted",
            "timezone",
            "username",
        ]
    ),
    outputs={
        "address": "Endpoint.Address",
        "allocatedStorage": "AllocatedStorage",
        "arn": "DBInstanceArn",
        "availabilityZone": "AvailabilityZone",
        "backupRetentionPeriod": "BackupRetentionPeriod",
        "caCertIdentifier": "CACertificateIdentifier",
        "dbName": "DBName",
        "endpoint": "Endpoint && join(':', [Endpoint.Address, to_string(Endpoint.Port)])",
        "engineVersion": "EngineVersion",
        "engineVersionActual": "EngineVersion",
        "hostedZoneId": "Endpoint.HostedZoneId",
        "kmsKeyId": "KmsKeyId",
        "masterUserSecrets": "MasterUserSecret && [{kmsKeyId: MasterUserSecret.KmsKeyId, "
        "secretArn: MasterUserSecret.SecretArn, secretStatus: MasterUserSecret.SecretStatus}]",
        "multiAz": "MultiAZ",
        "port": "Endpoint.Port",
        "resourceId": "DbiResourceId",
        "status": "DBInstanceStatus",
        "storageType": "StorageType",
        "username": "MasterUsername",
    },
    names=_NAMES,
    defaults={
        "autoMinorVersionUpgrade": True,
        "copyTagsToSnapshot": False,
        "deleteAutomatedBackups": True,
        "monitoringInterval": 0,
        "performanceInsightsEnabled": False,
        "publiclyAccessible": False,
        "skipFinalSnapshot": False,
    },
    name=Name("identifier"),
    local=frozenset(
        [
            "allowMajorVersionUpgrade",
            "applyImmediately",
            "blueGreenUpdate",
            "deleteAutomatedBackups",
            "finalSnapshotIdentifier",
            "skipFinalSnapshot",
        ]
    ),
    unread=frozenset(_MODIFIED) - {"allocatedStorage", "backupRetentionPeriod", "instanceClass", "deletionProtection"},
    tagging=RDS,
)

SUBNET_GROUP = Kind(
    "aws:rds/subnetGroup:SubnetGroup",
    "rds",
    Step("CreateDBSubnetGroup"),
    "DBSubnetGroup.DBSubnetGroupName",
    Lookup("DescribeDBSubnetGroups", {"DBSubnetGroupName": "{id}"}, "DBSubnetGroups[0]"),
    updates=(  # moto forgets the group that it modifies
        Step("ModifyDBSubnetGroup", ("description", "subnetIds"), {"DBSubnetGroupName": "{id}"}, held=False),
    ),
    delete=(Step("DeleteDBSubnetGroup", arguments={"DBSubnetGroupName": "{id}"}),),
    replaces=frozenset({"namePrefix"}),
    outputs={
        "arn": "DBSubnetGroupArn",
        "supportedNetworkTypes": ("SupportedNetworkTypes", "[`IPV4`]"),
        "vpcId": "VpcId",
    },
    names={"name": "DBSubnetGroupName", "description": "DBSubnetGroupDescription"},
    defaults={"description": "Managed by Pulumi"},
    name=Name(),
    unread=frozenset({"description"}),
    tagging=RDS,
)


def _parameters(change: Change) -> list[Bag]:
    """Changed ones; those that are gone fall back to the engine's own value by a reset."""
    old, new = ({entry["name"]: entry for entry in side.get("parameters") or []} for side in (change.old, change.new))
    set_ = [entry for name, entry in new.items() if old.get(name) != entry]
    return [{"Parameters": [_parameter(entry) for entry in set_]}] if set_ else []


def _resets(change: Change) -> list[Bag]:
    named = {entry["name"] for entry in change.new.get("parameters") or []}
    gone = [entry for entry in change.old.get("parameters") or [] if entry["name"] not in named]
    return [{"Parameters": [_parameter(entry) for entry in gone]}] if gone else []


def _parameter(entry: Bag) -> Bag:
    return {
        "ParameterName": entry["name"],
        "ParameterValue": str(entry["value"]),
        "ApplyMethod": entry.get("applyMethod", "immediate"),
    }


PARAMETER_GROUP = Kind(
    "aws:rds/parameterGroup:ParameterGroup",
    "rds",
    Step("CreateDBParameterGroup"),
    "DBParameterGroup.DBParameterGroupName",
    Lookup("DescribeDBParameterGroups", {"DBParameterGroupName": "{id}"}, "DBParameterGroups[0]"),
    updates=(
        Step(
            "ModifyDBParameterGroup",
            ("parameters",),
            {"DBParameterGroupName": "{id}"},
            build=_parameters,
            at_creation=True,
        ),
        Step("ResetDBParameterGroup", ("parameters",), {"DBParameterGroupName": "{id}"}, build=_resets, held=False),
    ),
    delete=(Step("DeleteDBParameterGroup", arguments={"DBParameterGroupName": "{id}"}),),
    replaces=frozenset({"description", "family", "namePrefix"}),
    outputs={"arn": ("DBParameterGroupArn", Text("arn:{partition}:rds:{region}:{account}:pg:{id}"))},
    names={
        "name": "DBParameterGroupName",
        "description": "Description",
        "family": "DBParameterGroupFamily",
    },
    defaults={"description": "Managed by Pulumi"},
    name=Name(),
    local=frozenset({"skipDestroy"}),
    tagging=RDS,
)

KINDS = (INSTANCE, SUBNET_GROUP, PARAMETER_GROUP)

"""Launch templates: every change is a new version."""

from __future__ import annotations

from offline.plugins.aws.kind import Change, Kind, Lookup, Name, Step, Text
from offline.plugins.aws.tagging import EC2
from offline.plugins.marshal import Bag

_OUTSIDE = frozenset({"name", "description"})
_DATA = [
    "blockDeviceMappings",
    "capacityReservationSpecification",
    "cpuOptions",
    "creditSpecification",
    "disableApiStop",
    "disableApiTermination",
    "ebsOptimized",
    "enclaveOptions",
    "hibernationOptions",
    "iamInstanceProfile",
    "imageId",
    "instanceInitiatedShutdownBehavior",
    "instanceMarketOptions",
    "instanceRequirements",
    "instanceType",
    "kernelId",
    "keyName",
    "licenseSpecifications",
    "maintenanceOptions",
    "metadataOptions",
    "monitoring",
    "networkInterfaces",
    "networkPerformanceOptions",
    "placement",
    "privateDnsNameOptions",
    "ramDiskId",
    "securityGroupNames",
    "tagSpecifications",
    "userData",
    "vpcSecurityGroupIds",
]


def _nested(bag: Bag) -> Bag:
    """All but the name belongs to the version's data, which the API wants even when it is empty."""
    outside = {key: value for key, value in bag.items() if key in _OUTSIDE}
    return {**outside, "launchTemplateData": {key: value for key, value in bag.items() if key not in _OUTSIDE}}


def _default_version(change: Change) -> list[Bag]:
    latest = change.live["LatestVersionNumber"]
    wanted = latest if change.new.get("updateDefaultVersion") else change.new.get("defaultVersion")
    return [{"LaunchTemplateId": change.id, "DefaultVersion": str(wanted)}] if wanted else []


TEMPLATE = Kind(
    "aws:ec2/launchTemplate:LaunchTemplate",
    "ec2",
    Step("CreateLaunchTemplate"),
    "LaunchTemplate.LaunchTemplateId",
    Lookup("DescribeLaunchTemplates", {"LaunchTemplateIds": ["{id}"]}, "LaunchTemplates[0]"),
    updates=(
        Step("CreateLaunchTemplateVersion", (*_DATA, "description"), {"LaunchTemplateId": "{id}"}),
        Step(
            "ModifyLaunchTemplate",
            (*_DATA, "description", "defaultVersion", "updateDefaultVersion"),
            build=_default_version,
        ),
    ),
    delete=(Step("DeleteLaunchTemplate", arguments={"LaunchTemplateId": "{id}"}),),
    replaces=frozenset({"namePrefix"}),
    outputs={
        "arn": Text("arn:{partition}:ec2:{region}:{account}:launch-template/{id}"),
        "defaultVersion": "DefaultVersionNumber",
        "latestVersion": "LatestVersionNumber",
    },
    fresh=frozenset({"latestVersion"}),
    names={
        "name": "LaunchTemplateName",
        "description": "VersionDescription",
        "vpcSecurityGroupIds": "SecurityGroupIds",
        "securityGroupNames": "SecurityGroups",
        "securityGroups": "Groups",
    },
    reshape=_nested,
    name=Name(),
    local=frozenset({"updateDefaultVersion", "defaultVersion"}),
    tagging=EC2,
)

KINDS = (TEMPLATE,)

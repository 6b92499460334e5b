"""Managed node groups."""

from __future__ import annotations

from offline.plugins.aws.kind import Change, Kind, Lookup, Name, Step
from offline.plugins.aws.tagging import NODES
from offline.plugins.marshal import Bag

_OF_GROUP = {"clusterName": "{clusterName}", "nodegroupName": "{nodeGroupName}"}
_REPLACES = [
    "amiType",
    "capacityType",
    "clusterName",
    "diskSize",
    "instanceTypes",
    "nodeGroupNamePrefix",
    "nodeRoleArn",
    "remoteAccess",
    "subnetIds",
    "launchTemplate.id",
    "launchTemplate.name",
]


def _labels(change: Change) -> list[Bag]:
    old, new = change.old.get("labels") or {}, change.new.get("labels") or {}
    added = {key: text for key, text in new.items() if old.get(key) != text}
    gone = [key for key in old if key not in new]
    parts = {"addOrUpdateLabels": added, "removeLabels": gone}
    return _update(change, "labels", {key: value for key, value in parts.items() if value})


def _taints(change: Change) -> list[Bag]:
    old, new = change.old.get("taints") or [], change.new.get("taints") or []
    kept = {(taint["key"], taint["effect"]) for taint in new}
    added = [taint for taint in new if taint not in old]
    gone = [taint for taint in old if (taint["key"], taint["effect"]) not in kept]
    parts = {"addOrUpdateTaints": added, "removeTaints": gone}
    return _update(change, "taints", {key: value for key, value in parts.items() if value})


def _update(change: Change, member: str, parts: Bag) -> list[Bag]:
    return [{member: parts}] if parts else []


GROUP = Kind(
    "aws:eks/nodeGroup:NodeGroup",
    "eks",
    Step("CreateNodegroup"),
    "{clusterName}:{nodeGroupName}",
    Lookup("DescribeNodegroup", _OF_GROUP, "nodegroup"),
    updates=(
        Step("UpdateNodegroupConfig", ("scalingConfig", "updateConfig", "nodeRepairConfig"), _OF_GROUP, partial=True),
        Step("UpdateNodegroupConfig", ("labels",), _OF_GROUP, build=_labels),
        Step("UpdateNodegroupConfig", ("taints",), _OF_GROUP, build=_taints),
        Step("UpdateNodegroupVersion", ("version", "releaseVersion", "launchTemplate"), _OF_GROUP, held=False),
    ),
    delete=(Step("DeleteNodegroup", arguments=_OF_GROUP),),
    replaces=frozenset(_REPLACES),
    outputs={
        "amiType": "amiType",
        "arn": "nodegroupArn",
        "capacityType": "capacityType",
        "instanceTypes": "instanceTypes",
        "releaseVersion": "releaseVersion",
        "resources": "[{autoscalingGroups: resources.autoScalingGroups, "
        "remoteAccessSecurityGroupId: resources.remoteAccessSecurityGroup}]",
        "status": "status",
        "version": "version",
    },
    names={"nodeGroupName": "nodegroupName", "nodeRoleArn": "nodeRole", "subnetIds": "subnets"},
    name=Name("nodeGroupName"),
    local=frozenset({"forceUpdateVersion"}),
    unread=frozenset({"version", "releaseVersion", "launchTemplate", "nodeRepairConfig", "labels", "updateConfig"}),
    tagging=NODES,
)

KINDS = (GROUP,)

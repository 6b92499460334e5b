"""EKS clusters and who may use them. The emulator knows clusters only, so the rest is kept."""

from __future__ import annotations

from offline.plugins.aws.kind import Change, Kind, Lookup, Name, Step, Text
from offline.plugins.aws.tagging import EKS
from offline.plugins.marshal import Bag

_LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")
_CONFIGURATION = [
    "accessConfig",
    "computeConfig",
    "controlPlaneScalingConfig",
    "deletionProtection",
    "kubernetesNetworkConfig",
    "remoteNetworkConfig",
    "storageConfig",
    "upgradePolicy",
    "zonalShiftConfig",
]
_AUTO_MODE = ("computeConfig", "kubernetesNetworkConfig", "storageConfig")


def _cluster(bag: Bag) -> Bag:
    """Log types become a list of those that are on; the API wants every one said at an update."""
    rest = {key: value for key, value in bag.items() if key != "enabledClusterLogTypes"}
    types = bag.get("enabledClusterLogTypes")
    return rest if types is None else {**rest, "logging": _logging(types)}


def _logging(types: list[str]) -> Bag:
    off = [name for name in _LOG_TYPES if name not in types]
    entries = [{"types": list(types), "enabled": True}, {"types": off, "enabled": False}]
    return {"clusterLogging": [entry for entry in entries if entry["types"]]}


def _network(change: Change) -> list[Bag]:
    """The addresses that may reach the API; subnets and groups only where they changed, as real EKS wants it."""
    new, old = change.new["vpcConfig"], change.old.get("vpcConfig") or {}
    access = {
        key: new[key] for key in ("endpointPublicAccess", "endpointPrivateAccess", "publicAccessCidrs") if key in new
    }
    members = {key: new[key] for key in ("subnetIds", "securityGroupIds") if key in new}
    return [{"name": change.id, "resourcesVpcConfig": {**access, **(members if old != new else {})}}]


_GROUP = "eks-cluster-sg-{name}"
_SUBNET = Lookup("DescribeSubnets", {"SubnetIds": ["{vpcConfig[subnetIds][0]}"]}, "Subnets[0].VpcId", "ec2")
_GROUPS = Lookup(
    "DescribeSecurityGroups",
    {"Filters": [{"Name": "group-name", "Values": [_GROUP]}]},
    "SecurityGroups[0].GroupId",
    "ec2",
)


def _without_group(change: Change) -> list[Bag]:
    group = change.ask(_GROUPS)
    return [{"GroupId": group}] if group else []


CLUSTER = Kind(
    "aws:eks/cluster:Cluster",
    "eks",
    Step("CreateCluster"),
    "cluster.name",
    Lookup("DescribeCluster", {"name": "{id}"}, "cluster"),
    updates=(
        Step(  # EKS makes it by itself, moto doesn't
            "CreateSecurityGroup",
            arguments={"GroupName": _GROUP, "Description": "EKS created security group"},
            build=lambda change: [] if change.ask(_GROUPS) else [{"VpcId": change.ask(_SUBNET)}],
            at_creation=True,
            service="ec2",
        ),
        Step("UpdateClusterConfig", ("vpcConfig",), build=_network),
        Step("UpdateClusterConfig", ("enabledClusterLogTypes",), {"name": "{id}"}),
        Step("UpdateClusterConfig", _AUTO_MODE, {"name": "{id}"}),
        *(
            Step("UpdateClusterConfig", (name,), {"name": "{id}"}, held=name == "remoteNetworkConfig")
            for name in _CONFIGURATION
            if name not in _AUTO_MODE
        ),
        Step("UpdateClusterVersion", ("version",), {"name": "{id}"}, held=False),
    ),
    delete=(
        Step("DeleteCluster", arguments={"name": "{id}"}),
        Step("DeleteSecurityGroup", build=_without_group, service="ec2"),
    ),
    replaces=frozenset(
        {
            "accessConfig.bootstrapClusterCreatorAdminPermissions",
            "bootstrapSelfManagedAddons",
            "encryptionConfig",
            "kubernetesNetworkConfig.ipFamily",
            "kubernetesNetworkConfig.serviceIpv4Cidr",
            "outpostConfig",
            "roleArn",
        }
    ),
    outputs={
        "arn": "arn",
        "certificateAuthority": "certificateAuthority.{data: data}",
        "createdAt": "createdAt",
        "endpoint": "endpoint",
        "identities": "[{oidcs: [{issuer: identity.oidc.issuer}]}]",
        "platformVersion": "platformVersion",
        "status": "status",
        "version": "version",
        "vpcConfig.clusterSecurityGroupId": _GROUPS,
        "vpcConfig.vpcId": _SUBNET,
    },
    names={"vpcConfig": "resourcesVpcConfig"},
    reshape=_cluster,
    defaults={"bootstrapSelfManagedAddons": True},
    name=Name(longest=100),
    local=frozenset({"defaultAddonsToRemoves", "forceUpdateVersion"}),
    unread=frozenset({"version", "vpcConfig", *_CONFIGURATION}),
    tagging=EKS,
)

ACCESS_ENTRY = Kind(
    "aws:eks/accessEntry:AccessEntry",
    "eks",
    Step("CreateAccessEntry"),
    "{clusterName}:{principalArn}",
    Lookup("DescribeAccessEntry", {"clusterName": "{clusterName}", "principalArn": "{principalArn}"}, "accessEntry"),
    updates=(
        Step(
            "UpdateAccessEntry",
            ("kubernetesGroups", "userName"),
            {"clusterName": "{clusterName}", "principalArn": "{principalArn}"},
        ),
    ),
    replaces=frozenset({"clusterName", "principalArn", "type"}),
    outputs={
        "accessEntryArn": "accessEntryArn",
        "createdAt": "createdAt",
        "modifiedAt": "modifiedAt",
        "userName": ("username", Text("{principalArn}")),
    },
    names={"userName": "username"},
    defaults={"type": "STANDARD"},
    tagging=EKS,
    kept={
        "accessEntryArn": "arn:{partition}:eks:{region}:{account}:access-entry/{clusterName}/{random}",
        "createdAt": "{now}",
        "modifiedAt": "{now}",
    },
)

ACCESS_POLICY = Kind(
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
    "eks",
    Step("AssociateAccessPolicy"),
    "{clusterName}#{principalArn}#{policyArn}",
    Lookup("ListAssociatedAccessPolicies", {"clusterName": "{clusterName}", "principalArn": "{principalArn}"}),
    updates=(Step("AssociateAccessPolicy", ("clusterName", "principalArn", "policyArn", "accessScope")),),
    replaces=frozenset({"accessScope", "clusterName", "policyArn", "principalArn"}),
    outputs={"associatedAt": "associatedAt", "modifiedAt": "modifiedAt"},
    kept={"associatedAt": "{now}", "modifiedAt": "{now}"},
)

POD_IDENTITY = Kind(
    "aws:eks/podIdentityAssociation:PodIdentityAssociation",
    "eks",
    Step("CreatePodIdentityAssociation"),
    "associationId",
    Lookup("DescribePodIdentityAssociation", {"clusterName": "{clusterName}", "associationId": "{id}"}, "association"),
    updates=(
        Step(
            "UpdatePodIdentityAssociation",
            ("roleArn", "targetRoleArn", "disableSessionTags", "policy"),
            {"clusterName": "{clusterName}", "associationId": "{id}"},
        ),
    ),
    replaces=frozenset({"clusterName", "namespace", "serviceAccount"}),
    outputs={
        "associationArn": Text("arn:{partition}:eks:{region}:{account}:podidentityassociation/{clusterName}/{id}"),
        "associationId": "associationId",
        "externalId": Text("{region}/{account}/{digest}"),
    },
    tagging=EKS,
    kept={"associationId": "a-{random}"},
)

ADDON = Kind(
    "aws:eks/addon:Addon",
    "eks",
    Step("CreateAddon"),
    "{clusterName}:{addonName}",
    Lookup("DescribeAddon", {"clusterName": "{clusterName}", "addonName": "{addonName}"}, "addon"),
    updates=(
        Step(
            "UpdateAddon",
            (
                "addonVersion",
                "configurationValues",
                "podIdentityAssociations",
                "resolveConflictsOnUpdate",
                "serviceAccountRoleArn",
            ),
            {"clusterName": "{clusterName}", "addonName": "{addonName}"},
        ),
    ),
    replaces=frozenset({"addonName", "clusterName", "namespaceConfig"}),
    outputs={
        "addonVersion": ("addonVersion", Text("v1.0.0-eksbuild.1")),
        "arn": "addonArn",
        "createdAt": "createdAt",
        "modifiedAt": "modifiedAt",
    },
    names={"resolveConflictsOnCreate": "resolveConflicts", "resolveConflictsOnUpdate": "resolveConflicts"},
    local=frozenset({"preserve", "resolveConflictsOnUpdate"}),
    tagging=EKS,
    kept={
        "addonArn": "arn:{partition}:eks:{region}:{account}:addon/{clusterName}/{addonName}/{random}",
        "createdAt": "{now}",
        "modifiedAt": "{now}",
    },
)

KINDS = (CLUSTER, ACCESS_ENTRY, ACCESS_POLICY, POD_IDENTITY, ADDON)

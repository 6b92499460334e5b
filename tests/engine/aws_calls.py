"""Which operations of AWS's API make a resource of each type, and which member of a request carries which input."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Inputs = Mapping[str, Any]


@dataclass(frozen=True)
class Call:
    """One operation, and how the resource's inputs are called in its request."""

    operation: str
    """Such as `eks.CreateCluster`."""
    names: Mapping[str, str] = field(default_factory=dict)
    """The member that carries an input, where it is not called like it; `A.B` lies deeper."""
    only: Sequence[str] | None = None
    """The inputs that this operation carries; without it, all that no other operation of the type carries."""
    fixed: Inputs = field(default_factory=dict)
    """Members that the plugin fills in."""
    prepare: Callable[[Inputs], Inputs] = dict
    """Brings the inputs into the request's structure, where that differs by more than names."""


def _bucket(operation: str, **names: str) -> tuple[Call, ...]:
    return (Call(f"s3.{operation}", names),)


_BLOCK = "PublicAccessBlockConfiguration"
_RDS = {
    "maintenanceWindow": "PreferredMaintenanceWindow",
    "dbName": "DBName",
    "enabledCloudwatchLogsExports": "EnableCloudwatchLogsExports",
    "identifier": "DBInstanceIdentifier",
    "instanceClass": "DBInstanceClass",
    "multiAz": "MultiAZ",
    "parameterGroupName": "DBParameterGroupName",
    "performanceInsightsEnabled": "EnablePerformanceInsights",
    "performanceInsightsKmsKeyId": "PerformanceInsightsKMSKeyId",
    "username": "MasterUsername",
}
_GRAFANA = {
    "dataSources": "workspaceDataSources",
    "description": "workspaceDescription",
    "name": "workspaceName",
    "roleArn": "workspaceRoleArn",
}


def _rules(inputs: Inputs) -> Inputs:
    (rules,) = inputs.values()
    return {"ipPermissions": [_rule(rule) for rule in rules]}


def _rule(rule: Inputs) -> Inputs:
    return {
        "ipProtocol": rule["protocol"],
        "fromPort": rule["fromPort"],
        "toPort": rule["toPort"],
        "ipRanges": [{"cidrIp": cidr} for cidr in rule.get("cidrBlocks", [])],
        "userIdGroupPairs": [{"groupId": group} for group in rule.get("securityGroups", [])],
    }


def _cluster(inputs: Inputs) -> Inputs:
    logging = {"clusterLogging": [{"types": inputs["enabledClusterLogTypes"], "enabled": True}]}
    return {**{key: inputs[key] for key in inputs if key != "enabledClusterLogTypes"}, "logging": logging}


def _members(inputs: Inputs) -> Inputs:
    users = [{"id": group, "type": "SSO_GROUP"} for group in inputs["groupIds"]]
    batch = [{"action": "ADD", "role": inputs["role"], "users": users}]
    return {"workspaceId": inputs["workspaceId"], "updateInstructionBatch": batch}


def _alarm(inputs: Inputs) -> Inputs:
    dimensions = [{"Name": name, "Value": value} for name, value in inputs["dimensions"].items()]
    actions = {"OKActions": inputs["okActions"]}
    return {key: inputs[key] for key in inputs if key not in ("dimensions", "okActions")} | {
        "dimensions": dimensions,
        **actions,
    }


def _topic(inputs: Inputs) -> Inputs:
    attributes = {f"{key[0].upper()}{key[1:]}": value for key, value in inputs.items() if key != "name"}
    return {"name": inputs["name"], "attributes": attributes}


def _plugin(*only: str) -> Call:
    """Inputs that no request of this table carries: the plugin acts on them by itself."""
    return Call("", only=only)


CALLS: Mapping[str, tuple[Call, ...]] = {
    "aws:amp/workspace:Workspace": (Call("amp.CreateWorkspace"),),
    "aws:cloudwatch/metricAlarm:MetricAlarm": (
        Call("cloudwatch.PutMetricAlarm", {"name": "AlarmName"}, prepare=_alarm),
    ),
    "aws:cloudwatch/logGroup:LogGroup": (
        Call("logs.CreateLogGroup", {"name": "logGroupName"}),
        Call("logs.PutRetentionPolicy", only=["retentionInDays"], fixed={"logGroupName": "a"}),
    ),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": (
        _plugin("vpcId"),
        Call("ec2.AuthorizeSecurityGroupIngress", only=["ingress"], prepare=_rules),
        Call("ec2.AuthorizeSecurityGroupEgress", only=["egress"], fixed={"GroupId": "a"}, prepare=_rules),
    ),
    "aws:ec2/eip:Eip": (Call("ec2.AllocateAddress"),),
    "aws:ec2/flowLog:FlowLog": (
        Call(
            "ec2.CreateFlowLogs",
            {"vpcId": "ResourceIds", "iamRoleArn": "DeliverLogsPermissionArn"},
            fixed={"ResourceType": "VPC"},
        ),
    ),
    "aws:ec2/internetGateway:InternetGateway": (Call("ec2.AttachInternetGateway", fixed={"InternetGatewayId": "a"}),),
    "aws:ec2/natGateway:NatGateway": (Call("ec2.CreateNatGateway"),),
    "aws:ec2/route:Route": (Call("ec2.CreateRoute"),),
    "aws:ec2/routeTable:RouteTable": (Call("ec2.CreateRouteTable"),),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": (Call("ec2.AssociateRouteTable"),),
    "aws:ec2/securityGroup:SecurityGroup": (
        Call("ec2.CreateSecurityGroup", {"name": "GroupName"}),
        Call("ec2.AuthorizeSecurityGroupIngress", only=["ingress"], prepare=_rules),
    ),
    "aws:ec2/subnet:Subnet": (
        Call("ec2.CreateSubnet"),
        Call("ec2.ModifySubnetAttribute", only=["mapPublicIpOnLaunch"], fixed={"SubnetId": "a"}),
    ),
    "aws:ec2/vpc:Vpc": (
        Call("ec2.CreateVpc"),
        Call("ec2.ModifyVpcAttribute", only=["enableDnsHostnames", "enableDnsSupport"], fixed={"VpcId": "a"}),
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": (Call("ec2.CreateVpcEndpoint", {"policy": "PolicyDocument"}),),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": (
        Call("ecr.PutLifecyclePolicy", {"repository": "repositoryName", "policy": "lifecyclePolicyText"}),
    ),
    "aws:ecr/pullThroughCacheRule:PullThroughCacheRule": (Call("ecr.CreatePullThroughCacheRule"),),
    "aws:ecr/repository:Repository": (
        Call("ecr.CreateRepository", {"name": "repositoryName"}),
        _plugin("forceDelete"),
    ),
    "aws:eks/accessEntry:AccessEntry": (Call("eks.CreateAccessEntry"),),
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": (Call("eks.AssociateAccessPolicy"),),
    "aws:eks/cluster:Cluster": (Call("eks.CreateCluster", {"vpcConfig": "resourcesVpcConfig"}, prepare=_cluster),),
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": (Call("eks.CreatePodIdentityAssociation"),),
    "aws:grafana/roleAssociation:RoleAssociation": (Call("grafana.UpdatePermissions", prepare=_members),),
    "aws:grafana/workspace:Workspace": (Call("grafana.CreateWorkspace", _GRAFANA),),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": (
        Call("iam.CreateOpenIDConnectProvider", {"clientIdLists": "ClientIDList"}),
    ),
    "aws:iam/policy:Policy": (Call("iam.CreatePolicy", {"name": "PolicyName", "policy": "PolicyDocument"}),),
    "aws:iam/role:Role": (
        Call("iam.CreateRole", {"name": "RoleName", "assumeRolePolicy": "AssumeRolePolicyDocument"}),
    ),
    "aws:iam/rolePolicy:RolePolicy": (
        Call("iam.PutRolePolicy", {"role": "RoleName", "name": "PolicyName", "policy": "PolicyDocument"}),
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": (Call("iam.AttachRolePolicy", {"role": "RoleName"}),),
    "aws:kms/alias:Alias": (Call("kms.CreateAlias", {"name": "AliasName"}),),
    "aws:kms/key:Key": (
        Call("kms.CreateKey"),
        Call(
            "kms.ScheduleKeyDeletion",
            {"deletionWindowInDays": "PendingWindowInDays"},
            only=["deletionWindowInDays"],
            fixed={"KeyId": "a"},
        ),
        _plugin("enableKeyRotation"),
    ),
    "aws:rds/instance:Instance": (
        Call("rds.CreateDBInstance", _RDS),
        Call(
            "rds.DeleteDBInstance",
            {"finalSnapshotIdentifier": "FinalDBSnapshotIdentifier"},
            only=["finalSnapshotIdentifier", "skipFinalSnapshot"],
            fixed={"DBInstanceIdentifier": "a"},
        ),
    ),
    "aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication": (
        Call(
            "rds.StartDBInstanceAutomatedBackupsReplication",
            {"sourceDbInstanceArn": "SourceDBInstanceArn", "retentionPeriod": "BackupRetentionPeriod"},
        ),
    ),
    "aws:rds/parameterGroup:ParameterGroup": (
        Call(
            "rds.CreateDBParameterGroup",
            {"name": "DBParameterGroupName", "family": "DBParameterGroupFamily"},
        ),
        Call(
            "rds.ModifyDBParameterGroup",
            {"name": "ParameterName", "value": "ParameterValue"},
            only=["parameters"],
            fixed={"DBParameterGroupName": "a"},
        ),
    ),
    "aws:rds/snapshot:Snapshot": (
        Call(
            "rds.CreateDBSnapshot",
            {"dbInstanceIdentifier": "DBInstanceIdentifier", "dbSnapshotIdentifier": "DBSnapshotIdentifier"},
        ),
    ),
    "aws:rds/subnetGroup:SubnetGroup": (
        Call("rds.CreateDBSubnetGroup", {"name": "DBSubnetGroupName", "description": "DBSubnetGroupDescription"}),
    ),
    "aws:s3/bucket:Bucket": (Call("s3.CreateBucket"), _plugin("forceDestroy")),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _bucket(
        "PutBucketLifecycleConfiguration", rules="LifecycleConfiguration.Rules"
    ),
    "aws:s3/bucketLogging:BucketLogging": _bucket(
        "PutBucketLogging",
        targetBucket="BucketLoggingStatus.LoggingEnabled.TargetBucket",
        targetPrefix="BucketLoggingStatus.LoggingEnabled.TargetPrefix",
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": _bucket(
        "PutBucketOwnershipControls", rule="OwnershipControls.Rules"
    ),
    "aws:s3/bucketPolicy:BucketPolicy": _bucket("PutBucketPolicy"),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _bucket(
        "PutPublicAccessBlock",
        blockPublicAcls=f"{_BLOCK}.BlockPublicAcls",
        blockPublicPolicy=f"{_BLOCK}.BlockPublicPolicy",
        ignorePublicAcls=f"{_BLOCK}.IgnorePublicAcls",
        restrictPublicBuckets=f"{_BLOCK}.RestrictPublicBuckets",
    ),
    "aws:s3/bucketReplicationConfig:BucketReplicationConfig": _bucket(
        "PutBucketReplication",
        role="ReplicationConfiguration.Role",
        rules="ReplicationConfiguration.Rules",
        replicaKmsKeyId="ReplicaKmsKeyID",
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _bucket(
        "PutBucketEncryption",
        rules="ServerSideEncryptionConfiguration.Rules",
        kmsMasterKeyId="KMSMasterKeyID",
    ),
    "aws:s3/bucketVersioning:BucketVersioning": _bucket("PutBucketVersioning"),
    "aws:secretsmanager/secret:Secret": (
        Call("secretsmanager.CreateSecret"),
        Call("secretsmanager.DeleteSecret", only=["recoveryWindowInDays"], fixed={"SecretId": "a"}),
    ),
    "aws:secretsmanager/secretVersion:SecretVersion": (Call("secretsmanager.PutSecretValue"),),
    "aws:sns/topicSubscription:TopicSubscription": (Call("sns.Subscribe", {"topic": "TopicArn"}),),
    "aws:sns/topic:Topic": (Call("sns.CreateTopic", prepare=_topic),),
}

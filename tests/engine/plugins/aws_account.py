"""What an account holds, asked of the API itself rather than of the plugin."""

from __future__ import annotations

from typing import Any

import boto3
import jmespath

REGION = "eu-west-1"
_LISTS = (
    ("ec2", "describe_vpcs", "Vpcs[?!IsDefault].VpcId"),
    ("ec2", "describe_subnets", "Subnets[?!DefaultForAz].SubnetId"),
    ("ec2", "describe_internet_gateways", "InternetGateways[].InternetGatewayId"),
    ("ec2", "describe_addresses", "Addresses[].AllocationId"),
    ("ec2", "describe_nat_gateways", "NatGateways[?State!='deleted'].NatGatewayId"),
    ("ec2", "describe_route_tables", "RouteTables[?!not_null(Associations, `[]`)[?Main]].RouteTableId"),
    ("ec2", "describe_security_groups", "SecurityGroups[?GroupName!='default'].GroupId"),
    ("ec2", "describe_vpc_endpoints", "VpcEndpoints[?State!='deleted'].VpcEndpointId"),
    ("ec2", "describe_flow_logs", "FlowLogs[].FlowLogId"),
    ("ec2", "describe_launch_templates", "LaunchTemplates[].LaunchTemplateId"),
    ("kms", "list_aliases", "Aliases[?!starts_with(AliasName, 'alias/aws/')].AliasName"),
    ("ecr", "describe_repositories", "repositories[].repositoryName"),
    ("eks", "list_clusters", "clusters"),
    ("iam", "list_roles", "Roles[?!starts_with(Path, '/aws-service-role/')].RoleName"),
    ("iam", "list_policies", "Policies[?!starts_with(Arn, 'arn:aws:iam::aws:')].PolicyName"),
    ("iam", "list_open_id_connect_providers", "OpenIDConnectProviderList[].Arn"),
    ("s3", "list_buckets", "Buckets[].Name"),
    ("rds", "describe_db_instances", "DBInstances[].DBInstanceIdentifier"),
    ("rds", "describe_db_subnet_groups", "DBSubnetGroups[].DBSubnetGroupName"),
    ("rds", "describe_db_parameter_groups", "DBParameterGroups[].DBParameterGroupName"),
    ("logs", "describe_log_groups", "logGroups[].logGroupName"),
    ("secretsmanager", "list_secrets", "SecretList[].Name"),
    ("amp", "list_workspaces", "workspaces[].workspaceId"),
    ("sns", "list_topics", "Topics[].TopicArn"),
)


def client(service: str, url: str) -> Any:
    """A client of the emulator at `url`."""
    return boto3.Session("test", "test", region_name=REGION).client(service, endpoint_url=url)


def held(url: str) -> list[str]:
    """Everything that somebody made there; keys that wait for their deletion are gone, as in AWS's own console."""
    found = [
        f"{service} {item}"
        for service, operation, path in _LISTS
        for item in jmespath.search(path, getattr(client(service, url), operation)()) or []
    ]
    kms = client("kms", url)
    keys = (kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"] for key in kms.list_keys()["Keys"])
    return [*found, *(f"kms {key['KeyId']}" for key in keys if key["KeyState"] != "PendingDeletion")]

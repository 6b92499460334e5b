"""The stand-in for the aws plugin: previews without credentials, network or account, and nothing but previews."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from offline.plugins.aws.plugin import RESOURCES, AwsProvider, recorded
from offline.plugins.aws.record import formatted, merged
from offline.plugins.marshal import UNKNOWN, Bag
from offline.plugins.provider import Naming, ProviderError
from tests.pulumi_engine import Pulumi

BUCKET = """
import pulumi, pulumi_aws as aws
provider = aws.Provider("aws", region="eu-west-1", default_tags={"tags": {"team": "vision"}})
opts = pulumi.ResourceOptions(provider=provider)
bucket = aws.s3.Bucket("artifacts", bucket="artifacts", opts=opts)
invoke = pulumi.InvokeOutputOptions(provider=provider)
pulumi.export("name", bucket.bucket)
pulumi.export("arn", bucket.arn)
pulumi.export("user", aws.ecr.get_authorization_token_output(opts=invoke).user_name)
pulumi.export("secret", aws.secretsmanager.get_secret_version_output(secret_id="a", opts=invoke).secret_string)
"""
CLIENTS = ("boto3", "botocore", "moto", "urllib3", "requests", "http.client")
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
CLUSTER = "aws:eks/cluster:Cluster"
VPC = "aws:ec2/vpc:Vpc"


@pytest.fixture
def provider() -> AwsProvider:
    made = AwsProvider()
    made.configure({"region": "eu-west-1", "defaultTags": json.dumps({"tags": {"team": "vision", "stack": "test"}})})
    return made


@pytest.fixture
def stack(pulumi: Pulumi) -> Pulumi:
    """A stack on a machine without credentials."""
    pulumi.settings = {"AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_CONFIG_FILE": "/dev/null"}
    return pulumi


def urn(type_: str) -> str:
    return f"urn:pulumi:test::trial::{type_}::any"


def test_a_preview_knows_what_the_program_says_and_not_what_aws_will_say(stack: Pulumi) -> None:
    stack.program(BUCKET)
    shown = " ".join(stack.preview().text.split())
    assert 'name : "artifacts"' in shown
    assert "arn : [unknown]" in shown
    assert 'secret: "stand-in"' in shown
    assert 'user : "AWS"' in shown
    assert 'region : "eu-west-1"' in shown
    assert re.search('tagsAll ?: { team ?: "vision" }', shown)


def test_up_is_refused(stack: Pulumi) -> None:
    stack.program(BUCKET)
    refused = stack.up(check=False)
    assert refused.code != 0
    assert "this is a stand-in for previews; install the official AWS plugin to deploy" in refused.text
    assert "pulumi plugin install resource aws" in refused.text
    assert stack.resources("aws:s3/bucket:Bucket") == []


@pytest.mark.parametrize(
    "change",
    [
        lambda provider: provider.create(urn(VPC), {}, preview=False, timeout_s=0.0),
        lambda provider: provider.update(urn(VPC), "vpc-1", {}, {}, {}, False, 0.0, []),
        lambda provider: provider.read(urn(VPC), "vpc-1", {}, {}),
        lambda provider: provider.delete(urn(VPC), "vpc-1", {}, {}, 0.0),
    ],
    ids=["create", "update", "refresh", "delete"],
)
def test_nothing_but_a_preview_is_served(provider: AwsProvider, change: Callable[[AwsProvider], object]) -> None:
    with pytest.raises(ProviderError, match="this is a stand-in for previews"):
        change(provider)


def test_no_client_of_any_network_is_loaded() -> None:
    """The plugin can't reach AWS, and its start costs no import of a client."""
    program = "import sys, offline.plugins.aws.plugin\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert set(CLIENTS) & set(loaded) == set()


@pytest.mark.parametrize("config", [{}, {"region": UNKNOWN}, {"region": "eu-west-1", "defaultTags": UNKNOWN}])
def test_configure_accepts_any_configuration(config: Bag) -> None:
    AwsProvider().configure(config)


def test_default_tags_are_merged_into_all_tags(provider: AwsProvider) -> None:
    def tags_all(inputs: Bag) -> Any:
        return provider.check(urn(VPC), {}, inputs, Naming())["tagsAll"]

    assert tags_all({}) == {"team": "vision", "stack": "test"}
    assert tags_all({"tags": {"team": "speech"}}) == {"team": "speech", "stack": "test"}
    assert tags_all({"tags": {"team": UNKNOWN}}) is UNKNOWN


def test_types_without_tags_or_region_get_none(provider: AwsProvider) -> None:
    assert provider.check(urn("aws:ec2/route:Route"), {}, {}, Naming()) == {"region": "eu-west-1"}
    assert provider.check(urn("aws:iam/rolePolicy:RolePolicy"), {}, {"policy": "{}"}, Naming()) == {"policy": "{}"}


def test_computed_members_of_an_input_are_unknown(provider: AwsProvider) -> None:
    _, outputs = provider.create(urn(CLUSTER), {"vpcConfig": {"subnetIds": ["a"]}}, preview=True, timeout_s=0.0)
    assert outputs["vpcConfig"] == {"subnetIds": ["a"], "clusterSecurityGroupId": UNKNOWN, "vpcId": UNKNOWN}


def test_an_update_keeps_computed_outputs_except_those_that_every_update_changes(provider: AwsProvider) -> None:
    old = {"imageId": "ami-1", "keyName": "k"}
    state = {**old, "arn": "arn:1", "latestVersion": 1}
    found = provider.update(urn(TEMPLATE), "lt-1", old, state, {"imageId": "ami-2"}, True, 0.0, [])
    assert found == {"imageId": "ami-2", "arn": "arn:1", "latestVersion": UNKNOWN}


def test_a_type_that_is_not_recorded_is_named(stack: Pulumi) -> None:
    stack.program(
        "import pulumi, pulumi_aws as aws\n"
        "opts = pulumi.ResourceOptions(provider=aws.Provider('aws', region='eu-west-1'))\n"
        "aws.sqs.Queue('queue', opts=opts)\n"
    )
    text = stack.preview(check=False).text
    assert "does not know aws:sqs/queue:Queue: add it to resources.json, see offline/plugins/aws/record.py" in text


def test_a_function_that_is_not_offered_is_named(provider: AwsProvider) -> None:
    with pytest.raises(ProviderError, match="does not offer the function aws:index/getRegion:getRegion"):
        provider.invoke("aws:index/getRegion:getRegion", {})


def test_another_region_replaces_the_provider(provider: AwsProvider) -> None:
    diff = provider.diff_config("", {"region": "a", "skipRegionValidation": "true"}, {"region": "b"})
    assert diff.replaces == ["region"]
    assert provider.diff_config("", {}, {"defaultTags": "{}"}).replaces == []


REPLACED: list[tuple[str, Bag, Bag]] = [
    (VPC, {"cidrBlock": "10.0.0.0/16"}, {"cidrBlock": "10.1.0.0/16"}),
    (VPC, {"region": "eu-west-1"}, {"region": "eu-west-2"}),
    ("aws:ec2/subnet:Subnet", {"cidrBlock": "10.0.2.0/24"}, {"cidrBlock": "10.0.7.0/24"}),
    ("aws:eks/nodeGroup:NodeGroup", {"instanceTypes": ["p5.48xlarge"]}, {"instanceTypes": ["p4d.24xlarge"]}),
    ("aws:eks/nodeGroup:NodeGroup", {"launchTemplate": {"id": "a"}}, {"launchTemplate": {"id": "b"}}),
    ("aws:eks/nodeGroup:NodeGroup", {"subnetIds": ["a", "b"]}, {"subnetIds": ["a", "c"]}),
    (CLUSTER, {"encryptionConfig": {"provider": {"keyArn": "a"}}}, {"encryptionConfig": {"provider": {"keyArn": "b"}}}),
    (CLUSTER, {"kubernetesNetworkConfig": {"ipFamily": "ipv4"}}, {"kubernetesNetworkConfig": {"ipFamily": "ipv6"}}),
    ("aws:rds/instance:Instance", {"storageEncrypted": True}, {"storageEncrypted": False}),
    ("aws:s3/bucket:Bucket", {"bucket": "a"}, {"bucket": "b"}),
    ("aws:kms/key:Key", {"multiRegion": False}, {"multiRegion": True}),
    ("aws:iam/role:Role", {"name": "a"}, {"name": "b"}),
    ("aws:secretsmanager/secretVersion:SecretVersion", {"secretString": "a"}, {"secretString": "b"}),
]
IN_PLACE: list[tuple[str, Bag, Bag]] = [
    ("aws:eks/nodeGroup:NodeGroup", {"scalingConfig": {"desiredSize": 1}}, {"scalingConfig": {"desiredSize": 3}}),
    ("aws:eks/nodeGroup:NodeGroup", {"launchTemplate": {"version": "1"}}, {"launchTemplate": {"version": "2"}}),
    ("aws:eks/nodeGroup:NodeGroup", {"subnetIds": ["a", "b"]}, {"subnetIds": ["b", "a"]}),
    ("aws:eks/nodeGroup:NodeGroup", {"labels": {"pool": "gpu"}}, {"labels": {"pool": "gpu", "more": "yes"}}),
    (VPC, {"tags": {"cost-centre": "ml"}}, {"tags": {"cost-centre": "research"}}),
    ("aws:kms/key:Key", {"description": "a key"}, {"description": "the key"}),
    ("aws:ec2/subnet:Subnet", {"mapPublicIpOnLaunch": True}, {"mapPublicIpOnLaunch": False}),
    ("aws:ec2/routeTableAssociation:RouteTableAssociation", {"routeTableId": "a"}, {"routeTableId": "b"}),
    ("aws:ec2/securityGroup:SecurityGroup", {"ingress": [{"fromPort": 443}]}, {"ingress": [{"fromPort": 8443}]}),
    ("aws:ec2/vpcEndpoint:VpcEndpoint", {"routeTableIds": ["a"]}, {"routeTableIds": ["a", "b"]}),
    ("aws:cloudwatch/logGroup:LogGroup", {"retentionInDays": 30}, {"retentionInDays": 90}),
    ("aws:iam/policy:Policy", {"policy": "{}"}, {"policy": "[]"}),
    ("aws:iam/role:Role", {"assumeRolePolicy": "{}"}, {"assumeRolePolicy": "[]"}),
    ("aws:iam/rolePolicy:RolePolicy", {"policy": "{}"}, {"policy": "[]"}),
    ("aws:ecr/repository:Repository", {"imageTagMutability": "IMMUTEMPLATE"}, {"imageTagMutability": "MUTEMPLATE"}),
    ("aws:ecr/lifecyclePolicy:LifecyclePolicy", {"policy": "{}"}, {"policy": "[]"}),
    (CLUSTER, {"version": "1.33"}, {"version": "1.34"}),
    (CLUSTER, {"vpcConfig": {"publicAccessCidrs": ["a"]}}, {"vpcConfig": {"publicAccessCidrs": ["b"]}}),
    (CLUSTER, {"enabledClusterLogTypes": ["api"]}, {"enabledClusterLogTypes": ["audit"]}),
    (CLUSTER, {"deletionProtection": False}, {"deletionProtection": True}),
    ("aws:eks/addon:Addon", {"addonVersion": "v1"}, {"addonVersion": "v2"}),
    (TEMPLATE, {"blockDeviceMappings": [{"ebs": {"volumeSize": 1}}]}, {"blockDeviceMappings": [{"ebs": {}}]}),
    ("aws:s3/bucketLogging:BucketLogging", {"targetPrefix": "a/"}, {"targetPrefix": "b/"}),
    ("aws:s3/bucketPolicy:BucketPolicy", {"policy": "{}"}, {"policy": "[]"}),
    ("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", {"rules": [{"id": "a"}]}, {"rules": []}),
    ("aws:rds/parameterGroup:ParameterGroup", {"parameters": [{"value": "1"}]}, {"parameters": [{"value": "0"}]}),
    ("aws:rds/instance:Instance", {"allocatedStorage": 50}, {"allocatedStorage": 100}),
    ("aws:rds/instance:Instance", {"backupRetentionPeriod": 7}, {"backupRetentionPeriod": 14}),
    ("aws:secretsmanager/secret:Secret", {"description": "old"}, {"description": "new"}),
    ("aws:amp/workspace:Workspace", {"alias": "a"}, {"alias": "b"}),
    ("aws:sns/topic:Topic", {"displayName": "a"}, {"displayName": "b"}),
    ("aws:grafana/workspace:Workspace", {"description": "a"}, {"description": "b"}),
    ("aws:grafana/roleAssociation:RoleAssociation", {"groupIds": ["a"]}, {"groupIds": ["b"]}),
]


@pytest.mark.parametrize(("type_", "old", "new"), REPLACED)
def test_what_aws_can_not_change_is_replaced(provider: AwsProvider, type_: str, old: Bag, new: Bag) -> None:
    assert provider.diff(urn(type_), "id", old, old, new, []).replaces


@pytest.mark.parametrize(("type_", "old", "new"), IN_PLACE)
def test_what_aws_can_change_is_changed_in_place(provider: AwsProvider, type_: str, old: Bag, new: Bag) -> None:
    assert provider.diff(urn(type_), "id", old, old, new, []).replaces == []


def test_equal_inputs_are_no_change(provider: AwsProvider) -> None:
    one = {"cidrBlock": "10.0.0.0/16", "tags": {"team": "vision"}}
    assert not provider.diff(urn(VPC), "id", one, one, dict(one), []).changed


def test_rules_are_read_from_the_schema_of_the_official_plugin() -> None:
    fixed = {"willReplaceOnChanges": True}
    queue = {
        "properties": {"tagsAll": {}},
        "inputProperties": {"name": fixed, "delay": {}, "network": {"$ref": "#/types/aws:sqs/Network:Network"}},
    }
    vpc = {"properties": {}, "inputProperties": {"cidrBlock": fixed, "tags": {}}}
    schema = {
        "resources": {"aws:sqs/queue:Queue": queue, VPC: vpc},
        "types": {"aws:sqs/Network:Network": {"properties": {"family": fixed, "mode": {}}}},
    }
    recorded_before = {VPC: {"tagged": True, "replaces": ["region"]}}
    assert merged(recorded_before, schema, ("aws:sqs/queue:Queue",)) == {
        VPC: {"tagged": False, "replaces": ["cidrBlock", "region"]},
        "aws:sqs/queue:Queue": {"tagged": True, "replaces": ["name", "network.family"]},
    }


def test_the_file_of_rules_is_as_it_would_be_written() -> None:
    text = RESOURCES.read_text()
    assert text == formatted(json.loads(text))


def test_the_recorded_rules_are_sorted_and_none_is_inside_another() -> None:
    for resource in recorded().values():
        rules = list(resource.replaces)
        assert rules == sorted(set(rules))
        assert not [rule for rule in rules if rule.rpartition(".")[0] in rules]

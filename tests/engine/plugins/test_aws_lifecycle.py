"""The stand-in for the aws plugin through a whole life: every type made, unchanged, changed, replaced, destroyed.

The tests follow each other on one stack, as a user would; the emulator is a real moto server.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from common import paths
from offline import moto_server
from offline.plugins.aws.kept import kept_by_stand_in
from offline.plugins.aws.kinds import KINDS
from tests.engine.plugins.aws_account import client, held
from tests.ports import free_port
from tests.pulumi_engine import Pulumi, Result, find_engine

SAMPLE = (Path(__file__).parent / "aws_sample.py").read_text()
PASSWORD = "swordfish-1a2b3c"
RENEWED = "a-renewed-one"


@dataclass
class Account:
    """A stack of everything, and the emulator that it lives on."""

    url: str
    stack: Pulumi

    def up(self, **settings: str) -> Result:
        for name, value in settings.items():
            self.stack.run("config", "set", name, value)
        return self.stack.up()

    def resource(self, kind: str, name: str) -> dict[str, object]:
        (found,) = (
            resource["outputs"] | {"id": resource["id"]}
            for resource in self.stack.resources()
            if resource["type"].endswith(f":{kind}") and resource["urn"].endswith(f"::{name}")
        )
        return dict(found)


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    if find_engine() is None:
        pytest.skip("no pulumi on this machine: set ML_PLATFORM_BIN to the folder that holds it")
    folder = tmp_path_factory.mktemp("aws")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("STATE", "LOGS", "PIDS"):
            patch.setattr(paths, name, folder / "state" / "ml-platform" / ("" if name == "STATE" else name.lower()))
        port = free_port()
        url = moto_server.start(port)
        settings = {"AWS_ENDPOINT_URL": url, "XDG_STATE_HOME": str(folder / "state")}
        try:
            with Pulumi(folder, settings) as stack:
                stack.program(SAMPLE)
                stack.run("config", "set", "--secret", "password", PASSWORD)
                yield Account(url, stack)
        finally:
            moto_server.stop(port)


def test_everything_is_created(account: Account) -> None:
    made = account.up()
    assert set(KINDS) <= {resource["type"] for resource in account.stack.resources()}
    assert made.outputs["tags"] == {"project": "trial", "team": "vision", "cost-centre": "ml"}
    assert held(account.url)


def test_what_the_emulator_can_not_hold_is_kept_and_listed(account: Account) -> None:
    kept = {kept.token for kept in kept_by_stand_in()}
    assert kept == {token for token, kind in KINDS.items() if kind.kept is not None}


def test_ids_are_those_of_the_official_plugin(account: Account) -> None:
    cluster, role = account.resource("Cluster", "cluster")["id"], account.resource("Role", "role")
    table = account.resource("RouteTable", "public")["id"]
    assert str(cluster).startswith("cluster-")
    assert account.resource("Route", "public")["id"] == f"r-{table}1080289494"
    assert account.resource("AccessEntry", "admin")["id"] == f"{cluster}:{role['arn']}"
    assert account.resource("Alias", "key")["id"] == account.resource("Alias", "key")["name"]
    assert str(account.resource("Alias", "key")["id"]).startswith("alias/key-")
    assert str(account.resource("Vpc", "vpc")["id"]).startswith("vpc-")
    assert str(account.resource("Instance", "tracking")["id"]).startswith("db-")
    assert account.resource("LifecyclePolicy", "images")["id"] == "platform/images"
    assert str(account.resource("Workspace", "metrics")["id"]).startswith("ws-")
    assert account.resource("Topic", "alerts")["id"] == account.resource("Topic", "alerts")["arn"]
    dashboards = str(account.resource("Workspace", "dashboards")["id"])
    assert re.fullmatch("g-[0-9a-f]{10}", dashboards)
    assert account.resource("RoleAssociation", "viewers")["id"] == f"{dashboards}/VIEWER"
    endpoint = f"{dashboards}.grafana-workspace.eu-west-1.amazonaws.com"
    assert account.resource("Workspace", "dashboards")["endpoint"] == endpoint


def test_the_account_has_what_was_declared(account: Account) -> None:
    ec2, vpc = client("ec2", account.url), str(account.resource("Vpc", "vpc")["id"])
    assert ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsHostnames")["EnableDnsHostnames"]["Value"]
    groups = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["SecurityGroups"]
    (default,) = (group for group in groups if group["GroupName"] == "default")
    assert (default["IpPermissions"], default["IpPermissionsEgress"]) == ([], [])
    bucket = str(account.resource("Bucket", "artifacts")["id"])
    block = client("s3", account.url).get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}
    key = client("kms", account.url).get_key_rotation_status(KeyId=account.resource("Key", "key")["id"])
    assert key["KeyRotationEnabled"]
    topic = client("sns", account.url).get_topic_attributes(TopicArn=account.resource("Topic", "alerts")["id"])
    assert topic["Attributes"]["KmsMasterKeyId"] == account.resource("Key", "key")["arn"]
    assert "aws:SecureTransport" in topic["Attributes"]["Policy"]
    group = account.resource("NodeGroup", "gpu")
    live = client("eks", account.url).describe_nodegroup(
        clusterName=group["clusterName"], nodegroupName=group["nodeGroupName"]
    )["nodegroup"]
    assert live["instanceTypes"] == ["p5.48xlarge"]
    assert live["tags"] == {"project": "trial", "team": "vision", "cost-centre": "ml"}


def test_nothing_changes_the_second_time(account: Account) -> None:
    assert set(account.up().changes()) == {"unchanged"}


def test_a_refresh_finds_no_drift(account: Account) -> None:
    assert set(account.stack.refresh().changes()) == {"unchanged"}


def test_a_changed_pool_is_one_update(account: Account) -> None:
    changed = account.up(nodes="3").changes()
    assert changed["update"] == 1
    assert set(changed) == {"update", "unchanged"}
    group = account.resource("NodeGroup", "gpu")
    live = client("eks", account.url).describe_nodegroup(
        clusterName=group["clusterName"], nodegroupName=group["nodeGroupName"]
    )
    assert live["nodegroup"]["scalingConfig"]["desiredSize"] == 3


def test_a_changed_tag_updates_in_place(account: Account) -> None:
    changed = account.up(costCentre="research").changes()
    assert set(changed) == {"update", "unchanged"}
    vpc = str(account.resource("Vpc", "vpc")["id"])
    tags = client("ec2", account.url).describe_tags(Filters=[{"Name": "resource-id", "Values": [vpc]}])["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {
        "project": "trial",
        "team": "vision",
        "cost-centre": "research",
    }
    assert set(account.up().changes()) == {"unchanged"}


def test_what_can_change_in_place_does(account: Account) -> None:
    version = account.resource("LaunchTemplate", "gpu")["latestVersion"]
    changed = account.up(later="true").changes()
    assert set(changed) == {"update", "unchanged"}
    assert changed["update"] == 25
    ec2 = client("ec2", account.url)
    group = str(account.resource("SecurityGroup", "group")["id"])
    rules = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    assert {rule.get("FromPort") for rule in rules} == {8443, None}
    template = account.resource("LaunchTemplate", "gpu")
    assert template["latestVersion"] == int(str(version)) + 1
    latest = ec2.describe_launch_template_versions(LaunchTemplateId=template["id"], Versions=["$Default"])
    (disk,) = latest["LaunchTemplateVersions"][0]["LaunchTemplateData"]["BlockDeviceMappings"]
    assert disk["Ebs"]["VolumeSize"] == 300
    cluster = client("eks", account.url).describe_cluster(name=account.resource("Cluster", "cluster")["id"])["cluster"]
    assert cluster["resourcesVpcConfig"]["publicAccessCidrs"] == ["198.51.100.0/24"]
    assert cluster["logging"]["clusterLogging"][0] == {"types": ["audit", "scheduler"], "enabled": True}
    endpoint = ec2.describe_vpc_endpoints(VpcEndpointIds=[account.resource("VpcEndpoint", "s3")["id"]])
    assert len(endpoint["VpcEndpoints"][0]["RouteTableIds"]) == 2
    bucket = str(account.resource("Bucket", "artifacts")["id"])
    assert "Encrypted" in client("s3", account.url).get_bucket_policy(Bucket=bucket)["Policy"]
    topic = client("sns", account.url).get_topic_attributes(TopicArn=account.resource("Topic", "alerts")["id"])
    assert topic["Attributes"]["DisplayName"] == "Later"
    workspace = str(account.resource("Workspace", "metrics")["id"])
    assert client("amp", account.url).describe_workspace(workspaceId=workspace)["workspace"]["alias"] == "later"
    pool = account.resource("NodeGroup", "gpu")
    live = client("eks", account.url).describe_nodegroup(
        clusterName=pool["clusterName"], nodegroupName=pool["nodeGroupName"]
    )["nodegroup"]
    assert live["labels"] == {"pool": "gpu", "more": "yes"}


def test_after_all_these_changes_there_is_nothing_left_to_change(account: Account) -> None:
    assert set(account.up().changes()) == {"unchanged"}
    assert set(account.stack.refresh().changes()) == {"unchanged"}


def test_another_cidr_replaces_the_subnet(account: Account) -> None:
    before = account.resource("Subnet", "second")["id"]
    preview = account.stack.preview("-c", "secondCidr=10.0.7.0/24")
    assert "+-aws:ec2/subnet:Subnet: (replace)" in preview.text
    changed = account.up(secondCidr="10.0.7.0/24").changes()
    assert changed["replace"] >= 1
    assert account.resource("Subnet", "second")["id"] != before
    assert set(account.up().changes()) == {"unchanged"}


def test_a_tag_that_somebody_else_changed_is_seen_and_put_right(account: Account) -> None:
    vpc = str(account.resource("Vpc", "vpc")["id"])
    client("ec2", account.url).create_tags(Resources=[vpc], Tags=[{"Key": "team", "Value": "nobody"}])
    assert account.stack.refresh().changes()["update"] == 1
    assert account.up().changes()["update"] == 1
    assert set(account.stack.refresh().changes()) == {"unchanged"}


def test_a_secret_that_somebody_else_renewed_is_read_as_it_is_now(account: Account) -> None:
    assert account.stack.outputs()["current"] == PASSWORD
    secret = str(account.resource("Secret", "tracking")["id"])
    manager = client("secretsmanager", account.url)
    manager.put_secret_value(SecretId=secret, SecretString=RENEWED)
    assert set(account.up().changes()) == {"unchanged"}
    assert account.stack.outputs()["current"] == RENEWED
    assert manager.get_secret_value(SecretId=secret)["SecretString"] == RENEWED


def test_something_that_somebody_else_deleted_is_made_again(account: Account) -> None:
    policy = account.resource("RolePolicy", "write")
    client("iam", account.url).delete_role_policy(RoleName=policy["role"], PolicyName=policy["name"])
    assert account.stack.refresh().changes()["delete"] == 1
    assert account.up().changes()["create"] == 1


def test_no_secret_lies_anywhere_in_clear(account: Account) -> None:
    assert PASSWORD not in account.stack.stored()
    files = [file for file in (account.stack.root / "state").rglob("*") if file.is_file()]
    assert files
    assert [file for file in files if PASSWORD.encode() in file.read_bytes()] == []


def test_the_account_is_empty_in_the_end(account: Account) -> None:
    account.stack.destroy()
    assert held(account.url) == []
    assert list(kept_by_stand_in()) == []

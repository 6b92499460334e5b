"""What `make down` says of an account: on moto, with resources that nobody destroyed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import requests
from moto.server import ThreadedMotoServer

from cli import leftovers
from common.errors import CommandError
from infra.declaration.aws.settings import AwsFoundation
from infra.foundation.aws.context import AwsContext
from infra.foundation.aws.iam import allow, document

ACCOUNT = "123456789012"  # moto's own
PLACE = AwsContext(ACCOUNT, "eu-central-1", "trial", "ml", "ml")
TAGS = [{"Key": key, "Value": value} for key, value in PLACE.tags.items()]


@pytest.fixture
def moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://{}:{}".format(*server.get_host_and_port()))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    requests.post(f"{os.environ['AWS_ENDPOINT_URL']}/moto-api/reset", timeout=60).raise_for_status()
    yield
    server.stop()


def client(service: str, region: str = PLACE.region) -> Any:
    return boto3.client(service, region_name=region)


def look(stack: str = PLACE.stack, account: str = ACCOUNT, **settings: object) -> None:
    declared = {
        "account": account,
        "region": PLACE.region,
        "team": "ml",
        "costCentre": "ml",
        "network": {"cidr": "10.20.0.0/16", "zones": ["eu-central-1a", "eu-central-1b"]},
        "cluster": {"admins": [f"arn:aws:iam::{ACCOUNT}:role/admin"]},
        **settings,
    }
    leftovers.require_none(stack, AwsFoundation.model_validate(declared))


def key(stack: str = PLACE.stack, region: str = PLACE.region) -> str:
    tags = [{"TagKey": tag["Key"], "TagValue": stack if tag["Value"] == PLACE.stack else tag["Value"]} for tag in TAGS]
    return str(client("kms", region).create_key(Tags=tags)["KeyMetadata"]["KeyId"])


@pytest.mark.usefixtures("moto")
def test_an_empty_account_is_said_to_be(capsys: pytest.CaptureFixture[str]) -> None:
    look()
    assert f"no resource of stack trial is left in account {ACCOUNT}" in capsys.readouterr().out


@pytest.mark.usefixtures("moto")
def test_what_nobody_destroyed_is_listed_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    volume = client("ec2").create_volume(
        AvailabilityZone="eu-central-1a", Size=1, TagSpecifications=[{"ResourceType": "volume", "Tags": TAGS}]
    )["VolumeId"]
    arn = f"arn:aws:ec2:eu-central-1:{ACCOUNT}:volume/{volume}"
    with pytest.raises(CommandError, match="1 resource of stack trial is left") as error:
        look()
    assert error.value.why == arn
    assert arn in capsys.readouterr().out


@pytest.mark.usefixtures("moto")
def test_more_than_a_page_of_them_is_counted() -> None:
    made = {key() for _ in range(60)}
    with pytest.raises(CommandError, match="60 resources of stack trial are left") as error:
        look()
    assert {arn.rpartition("/")[2] for arn in error.value.why.splitlines()} == made


@pytest.mark.usefixtures("moto")
def test_a_key_that_waits_for_its_deletion_is_shown_and_no_leftover(capsys: pytest.CaptureFixture[str]) -> None:
    going = key()
    client("kms").schedule_key_deletion(KeyId=going, PendingWindowInDays=7)
    look()
    line = next(line for line in capsys.readouterr().out.splitlines() if going in line)
    assert "deleted by KMS on 20" in line


@pytest.mark.usefixtures("moto")
def test_another_stacks_resources_are_its_own() -> None:
    key("other")
    look()
    with pytest.raises(CommandError):
        look("other")


@pytest.mark.usefixtures("moto")
def test_roles_and_policies_are_asked_of_iam_itself() -> None:
    iam, nothing = client("iam"), "{}"
    iam.create_role(RoleName=PLACE.role_name("node"), AssumeRolePolicyDocument=nothing, Tags=TAGS)
    iam.create_role(RoleName=PLACE.role_name("other-stack"), AssumeRolePolicyDocument=nothing)
    reading = document(allow(["s3:GetObject"], [PLACE.bucket_arn("artifacts")]))
    iam.create_policy(PolicyName=PLACE.boundary_name, PolicyDocument=reading, Tags=TAGS)
    with pytest.raises(CommandError, match="2 resources of stack trial are left") as error:
        look()
    assert set(error.value.why.splitlines()) == {PLACE.boundary, PLACE.iam_arn(f"role/{PLACE.role_name('node')}")}


@pytest.mark.usefixtures("moto")
def test_log_groups_that_were_made_again_are_found_by_their_names() -> None:
    names = {f"/aws/eks/{PLACE.name}/cluster", f"/aws/rds/instance/{PLACE.name}-tracking-2/postgresql"}
    for name in (*names, f"/aws/eks/{PLACE.name}-eu/cluster", f"/aws/rds/instance/{PLACE.name}-other/postgresql"):
        client("logs").create_log_group(logGroupName=name)
    with pytest.raises(CommandError, match="2 resources of stack trial are left") as error:
        look(database={"name": "tracking-2"})
    assert set(error.value.why.splitlines()) == {PLACE.arn("logs", f"log-group:{name}") for name in names}


@pytest.mark.usefixtures("moto")
def test_the_second_region_is_searched_too_and_roles_are_listed_once() -> None:
    iam, second = client("iam"), "eu-west-1"
    iam.create_role(RoleName=PLACE.role_name("node"), AssumeRolePolicyDocument="{}", Tags=TAGS)
    made = key(region=second)
    shown = "2 resources of stack trial are left in account .*, regions eu-central-1 and eu-west-1"
    with pytest.raises(CommandError, match=shown) as error:
        look(backup={"region": second})
    assert f"arn:aws:kms:{second}:{ACCOUNT}:key/{made}" in error.value.why.splitlines()


@pytest.mark.usefixtures("moto")
def test_another_account_is_not_taken_for_an_empty_one() -> None:
    with pytest.raises(CommandError, match="leftovers in account 999999999999 not checked") as error:
        look(account="999999999999")
    assert error.value.why == f"the credentials belong to {ACCOUNT}"

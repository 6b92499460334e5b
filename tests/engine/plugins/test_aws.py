"""The stand-in for the aws plugin at preview, its refusals and its functions; a whole life is in test_aws_lifecycle."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from offline.plugins.aws.api import is_loopback
from offline.plugins.aws.inputs import same_document
from offline.plugins.aws.policy_document import policy_document
from offline.plugins.provider import ProviderError
from tests.pulumi_engine import Pulumi

SAMPLE = (Path(__file__).parent / "aws_sample.py").read_text()
PREVIEW_SECONDS = 90
BUCKET = """
import pulumi, pulumi_aws as aws
provider = aws.Provider("aws", region="eu-west-1"{settings})
opts = pulumi.ResourceOptions(provider=provider)
bucket = aws.s3.Bucket("Artifacts"{arguments}, opts=opts)
pulumi.export("name", bucket.bucket)
pulumi.export("arn", bucket.arn)
"""
MANY = """
import pulumi, pulumi_aws as aws
opts = pulumi.ResourceOptions(provider=aws.Provider("aws", region="eu-west-1"))
vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16", opts=opts)
for number in range(25):
    aws.ec2.Subnet(f"subnet-{number}", vpc_id=vpc.id, cidr_block=f"10.0.{number}.0/24", opts=opts)
    role = aws.iam.Role(f"role-{number}", assume_role_policy="{}", opts=opts)
    aws.iam.RolePolicy(f"policy-{number}", role=role.name, policy="{}", opts=opts)
    aws.ecr.Repository(f"image-{number}", opts=opts)
"""


@pytest.fixture
def lonely(pulumi: Pulumi) -> Pulumi:
    """A stack on a machine without credentials and without an endpoint."""
    pulumi.settings = {
        "AWS_ENDPOINT_URL": "",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_CONFIG_FILE": "/dev/null",
    }
    return pulumi


def bucket(settings: str = "", arguments: str = "") -> str:
    return BUCKET.format(settings=settings, arguments=arguments)


def test_a_preview_needs_neither_credentials_nor_an_endpoint(lonely: Pulumi) -> None:
    lonely.program(SAMPLE)
    lonely.run("config", "set", "--secret", "password", "swordfish")
    assert lonely.preview().changes() == {"create": 56}


def test_a_preview_knows_what_the_program_says_and_not_what_aws_will_say(lonely: Pulumi) -> None:
    lonely.program(bucket())
    text = lonely.preview().text
    assert re.search(r'name: "artifacts-[0-9a-f]{7}"', text)
    assert re.search(r"arn *: \[unknown\]", text)
    assert 'region      : "eu-west-1"' in text


def test_a_hundred_resources_are_previewed_in_seconds(lonely: Pulumi) -> None:
    lonely.program(MANY)
    started = time.monotonic()
    assert lonely.preview().changes() == {"create": 103}
    assert time.monotonic() - started < PREVIEW_SECONDS


@pytest.mark.parametrize(
    "url", ["https://eks.eu-west-1.amazonaws.com", "http://127.0.0.1.example.com", "http://10.0.0.1"]
)
def test_nothing_but_loopback_is_ever_talked_to(pulumi: Pulumi, url: str) -> None:
    pulumi.settings = {"AWS_ENDPOINT_URL": url}
    pulumi.program(bucket())
    refused = pulumi.up(check=False)
    assert refused.code != 0
    assert f"refuses {url} for s3: set AWS_ENDPOINT_URL to an emulator on loopback" in refused.text
    assert "pulumi plugin install resource aws" in refused.text
    assert pulumi.resources("aws:s3/bucket:Bucket") == []


def test_without_an_endpoint_up_says_what_to_set(lonely: Pulumi) -> None:
    lonely.program(bucket())
    refused = lonely.up(check=False)
    assert refused.code != 0
    assert "has no endpoint for s3: set AWS_ENDPOINT_URL" in refused.text


def test_an_endpoint_of_the_provider_is_refused_as_well(lonely: Pulumi) -> None:
    lonely.program(bucket(', endpoints=[{"sts": "http://192.0.2.1", "s3": "http://192.0.2.1"}]'))
    refused = lonely.up(check=False)
    assert "refuses http://192.0.2.1 for s3" in refused.text


def test_an_endpoint_that_does_not_answer_is_named(lonely: Pulumi) -> None:
    lonely.settings = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    lonely.program(bucket())
    assert "nothing answers at http://127.0.0.1:9" in lonely.up(check=False).text


def test_a_name_that_is_too_long_is_refused_at_preview(lonely: Pulumi) -> None:
    lonely.program(BUCKET.format(settings="", arguments="").replace("Artifacts", "a" * 60))
    refused = lonely.preview(check=False)
    assert refused.code != 0
    assert "is longer than 63 characters: give 'bucket' a shorter one" in refused.text


def test_a_type_that_is_not_offered_is_named(lonely: Pulumi) -> None:
    lonely.program(
        "import pulumi, pulumi_aws as aws\n"
        "opts = pulumi.ResourceOptions(provider=aws.Provider('aws', region='eu-west-1'))\n"
        "aws.sqs.Queue('queue', opts=opts)\n"
    )
    assert "does not offer aws:sqs/queue:Queue" in lonely.preview(check=False).text


def test_a_missing_region_is_refused(lonely: Pulumi) -> None:
    lonely.settings = {**lonely.settings, "AWS_REGION": "", "AWS_DEFAULT_REGION": ""}
    lonely.program("import pulumi_aws as aws\naws.Provider('aws')\n")
    assert "missing region: set region on the provider, or AWS_REGION" in lonely.preview(check=False).text


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://127.0.0.1:5000", True),
        ("http://127.8.9.10", True),
        ("http://[::1]:5000", True),
        ("http://localhost:4566", True),
        ("http://localhost.example.com", False),
        ("http://0.0.0.0:5000", False),
        ("http://127.0.0.1@example.com", False),
        ("https://example.com/127.0.0.1", False),
        ("127.0.0.1:5000", False),
    ],
)
def test_loopback_is_told_by_the_host_alone(url: str, allowed: bool) -> None:
    assert is_loopback(url) is allowed


def test_functions_are_stable_at_preview(lonely: Pulumi) -> None:
    lonely.program(
        """
import pulumi, pulumi_aws as aws
opts = pulumi.InvokeOptions(provider=aws.Provider("aws", region="eu-central-1", allowed_account_ids=["210987654321"]))
pulumi.export("account", aws.get_caller_identity_output(opts=opts).account_id)
pulumi.export("region", aws.get_region_output(opts=opts).region)
pulumi.export("zones", aws.get_availability_zones_output(opts=opts).names)
pulumi.export("zoneIds", aws.get_availability_zones_output(opts=opts).zone_ids)
pulumi.export("partition", aws.get_partition_output(opts=opts).partition)
pulumi.export("suffix", aws.get_partition_output(opts=opts).dns_suffix)
pulumi.export("user", aws.ecr.get_authorization_token_output(opts=opts).user_name)
pulumi.export("proxy", aws.ecr.get_authorization_token_output(opts=opts).proxy_endpoint)
pulumi.export("image", aws.ssm.get_parameter_output(name="/aws/service/ami", opts=opts).value)
"""
    )
    outputs = lonely.up().outputs
    image = outputs.pop("image")
    assert re.fullmatch("ami-[0-9a-f]{17}", image)
    assert outputs == {
        "account": "210987654321",
        "region": "eu-central-1",
        "zones": ["eu-central-1a", "eu-central-1b", "eu-central-1c"],
        "zoneIds": ["euc1-az1", "euc1-az2", "euc1-az3"],
        "partition": "aws",
        "suffix": "amazonaws.com",
        "user": "AWS",
        "proxy": "https://210987654321.dkr.ecr.eu-central-1.amazonaws.com",
    }
    assert set(lonely.up().changes()) == {"unchanged"}


def test_a_policy_document_is_spelled_as_the_official_plugin_spells_it() -> None:
    statement = {
        "sid": "Read",
        "actions": ["s3:GetObject", "s3:ListBucket"],
        "resources": ["arn:aws:s3:::models/&{aws:username}/*"],
        "principals": [{"type": "AWS", "identifiers": ["arn:aws:iam::123456789012:root"]}],
        "conditions": [{"test": "StringLike", "variable": "s3:prefix", "values": ["a", "b"]}],
    }
    result = policy_document({"statements": [statement]})
    assert result["json"] == (
        "{\n"
        '  "Version": "2012-10-17",\n'
        '  "Statement": [\n'
        "    {\n"
        '      "Sid": "Read",\n'
        '      "Effect": "Allow",\n'
        '      "Action": [\n'
        '        "s3:ListBucket",\n'
        '        "s3:GetObject"\n'
        "      ],\n"
        '      "Resource": "arn:aws:s3:::models/${aws:username}/*",\n'
        '      "Principal": {\n'
        '        "AWS": "arn:aws:iam::123456789012:root"\n'
        "      },\n"
        '      "Condition": {\n'
        '        "StringLike": {\n'
        '          "s3:prefix": [\n'
        '            "a",\n'
        '            "b"\n'
        "          ]\n"
        "        }\n"
        "      }\n"
        "    }\n"
        "  ]\n"
        "}"
    )
    assert json.loads(result["minifiedJson"]) == json.loads(result["json"])


def test_a_policy_document_takes_others_in_and_refuses_two_of_one_name() -> None:
    base = policy_document({"statements": [{"sid": "A", "actions": ["s3:Get*"], "resources": ["*"]}]})["json"]
    other = policy_document({"statements": [{"sid": "A", "actions": ["s3:Put*"], "resources": ["*"]}]})["json"]
    result = json.loads(policy_document({"sourcePolicyDocuments": [base], "overridePolicyDocuments": [other]})["json"])
    assert [statement["Action"] for statement in result["Statement"]] == ["s3:Put*"]
    with pytest.raises(ProviderError, match=r"duplicate Sid \(A\)"):
        policy_document({"sourcePolicyDocuments": [base, other]})


def test_policies_that_say_the_same_are_no_change() -> None:
    one = '{"Statement": [{"Effect": "Allow", "Action": ["a", "b"], "Resource": "x"}]}'
    other = '{"Statement":{"Effect":"Allow","Action":["b","a"],"Resource":["x"]}}'
    assert same_document(one, other)
    assert not same_document(one, other.replace('"b"', '"c"'))

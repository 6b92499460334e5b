"""Every policy through the real engine: it refuses the case that it was written for, and lets the good one pass."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from policies.rule import Rule
from policies.rules import RULES
from tests.pulumi_engine import REPOSITORY, Pulumi, find_engine, remove_installation

PACK = str(REPOSITORY / "policies")
DIGEST = "sha256:" + "0" * 64

POD = """
import pulumi
import pulumi_kubernetes as kubernetes
kubernetes.core.v1.Pod(
    "pod",
    metadata={{"name": "pod", "namespace": "default"}},
    spec={{"containers": [{{"name": "main", "image": {image}}}]}},
)
"""
UNKNOWN_IMAGE = """
import pulumi_random as random
made = random.RandomPassword("made", length=16)
"""
ROLE = """
import json
import pulumi
import pulumi_aws as aws
statement = json.loads('''{statement}''')
aws.iam.Role(
    "role",
    assume_role_policy=json.dumps({{"Version": "2012-10-17", "Statement": [statement]}}),
    opts=pulumi.ResourceOptions(provider=aws.Provider("aws", region="eu-central-1")),
)
"""
CLAIM = """
import pulumi
import pulumi_kubernetes as kubernetes
kubernetes.core.v1.PersistentVolumeClaim(
    "claim",
    metadata={{"name": "claim", "namespace": "default"}},
    spec={{"accessModes": ["ReadWriteOnce"], "resources": {{"requests": {{"storage": "1Gi"}}}}}},
    opts=pulumi.ResourceOptions(protect={protect}),
)
"""
RELEASED = "config:\n  ml-platform:platform: {protectData: false}\n"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pulumi]:
    if find_engine() is None:
        pytest.skip("no pulumi on this machine: set ML_PLATFORM_BIN to the folder that holds it")
    root = tmp_path_factory.mktemp("policies")
    with Pulumi(root, settings={"KUBECONFIG": "/nonexistent/kubeconfig"}) as pulumi:
        yield pulumi
    remove_installation()


def preview(stack: Pulumi, program: str) -> tuple[int, str]:
    stack.program(program)
    result = stack.run("preview", "--policy-pack", PACK, check=False)
    return result.code, result.text


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_policy_refuses_its_own_case(stack: Pulumi, rule: Rule) -> None:
    code, text = preview(stack, rule.refuses)
    assert code != 0
    assert re.search(rf"\[mandatory\]\s+{rule.name}\s+\(.*: bad\)", text), text
    assert rule.reason in text
    assert rule.fix in text


@pytest.mark.parametrize(
    "image",
    [
        f"'127.0.0.1:5000/ml-platform/serving@{DIGEST}'",
        f"'123456789012.dkr.ecr.eu-central-1.amazonaws.com/ml-platform-prod/serving@{DIGEST}'",
    ],
)
def test_a_digest_of_the_private_registry_passes(stack: Pulumi, image: str) -> None:
    code, text = preview(stack, POD.format(image=image))
    assert code == 0, text


@pytest.mark.parametrize(
    "image", ["'127.0.0.1:5000/ml-platform/serving:latest'", f"'docker.io/library/python@{DIGEST}'"]
)
def test_half_of_it_is_not_enough(stack: Pulumi, image: str) -> None:
    code, text = preview(stack, POD.format(image=image))
    assert code != 0
    assert "images-by-digest" in text


def test_an_image_that_is_not_built_yet_passes(stack: Pulumi) -> None:
    code, text = preview(stack, UNKNOWN_IMAGE + POD.format(image="made.result"))
    assert code == 0, text


TRUSTS = [
    ('{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}', True),
    ('{"Effect": "Deny", "Principal": "*", "Action": "*"}', True),
    ('{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}', False),
    ('{"Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": "sts:AssumeRole"}', False),
    ('{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": ["sts:AssumeRole", "*"]}', False),
    ('{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "NotAction": "iam:*"}', False),
]


@pytest.mark.parametrize(("statement", "passes"), TRUSTS)
def test_wildcards_are_found_wherever_they_allow_something(stack: Pulumi, statement: str, passes: bool) -> None:
    code, text = preview(stack, ROLE.format(statement=statement))
    assert (code == 0) is passes, text
    assert ("no-wildcard-iam" in text) is not passes


def test_protected_data_passes_and_so_does_what_the_declaration_releases(stack: Pulumi) -> None:
    assert preview(stack, CLAIM.format(protect=True))[0] == 0
    assert preview(stack, CLAIM.format(protect=False))[0] != 0
    file = Path(stack.folder, "Pulumi.test.yaml")
    before = file.read_text()
    file.write_text(before + RELEASED)
    released, text = preview(stack, CLAIM.format(protect=False))
    file.write_text(before)
    assert released == 0, text

"""All cases in one program: each rule's resource is called like the rule."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from policies.rule import Rule
from policies.tags import TAGS
from tests.pulumi_engine import REPOSITORY, Pulumi, Result

PACK = str(REPOSITORY / "policies")
PRELUDE = f"""
import json
import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

account = aws.Provider(
    "account", region="eu-central-1", default_tags={{"tags": dict.fromkeys({list(TAGS)!r}, "tests")}}
)
on_aws = pulumi.ResourceOptions(provider=account)
kept = pulumi.ResourceOptions(provider=account, protect=True)


def encrypted(bucket):
    with_own_key(private(bucket))


def private(bucket):
    blocks = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
    aws.s3.BucketPublicAccessBlock(bucket._name, bucket=bucket.id, **dict.fromkeys(blocks, True), opts=on_aws)
    return bucket


def with_own_key(bucket):
    by_default = {{"sseAlgorithm": "aws:kms", "kmsMasterKeyId": "arn:aws:kms:eu-central-1:123456789012:key/own"}}
    aws.s3.BucketServerSideEncryptionConfiguration(
        bucket._name, bucket=bucket.id, rules=[{{"applyServerSideEncryptionByDefault": by_default}}], opts=on_aws
    )
"""
NOT_ASKED = "can't run policy"
"""How the engine says that a policy tripped over what is not known yet."""
_FINDING = re.compile(r"\[(\w+)\]\s+([\w-]+)\s+\((\S+): (\S+)\)")

Finding = tuple[str, str]
"""A rule and the name of what it is about."""


def program(rules: Iterable[Rule], *, refused: bool) -> str:
    """One program with the cases of many rules."""
    cases = ((rule.name, rule.refuses if refused else rule.passes) for rule in rules)
    return "\n".join([PRELUDE, *(f"name = {name!r}\n{case}" for name, case in cases)])


def declaration(rules: Iterable[Rule], *, refused: bool) -> dict[str, Any]:
    """What the stack file says for all of them."""
    merged: dict[str, Any] = {}
    for rule in rules:
        merged |= yaml.safe_load(rule.declared[0 if refused else 1]) or {}
    return merged


def as_pod(spec: str) -> str:
    """One pod of the name at hand, from the text of its spec."""
    return f'kubernetes.core.v1.Pod(name, metadata={{"name": name, "namespace": "vision"}}, spec={spec})'


def preview(stack: Pulumi, source: str, declared: dict[str, Any] | None = None) -> Result:
    """With the pack; the stack file is as before afterwards."""
    file = Path(stack.folder, "Pulumi.test.yaml")
    before = file.read_text()
    stack.program(source)
    content = yaml.safe_load(before) | {"config": {"ml-platform:platform": declared or {}}}
    file.write_text(yaml.safe_dump(content))
    try:
        return stack.run("preview", "--policy-pack", PACK, check=False)
    finally:
        file.write_text(before)


def findings(result: Result) -> set[Finding]:
    """What the engine reports, whatever its level."""
    return {(rule, name) for _, rule, _, name in _FINDING.findall(result.text)}

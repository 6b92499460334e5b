"""Buckets of the kind that pulumi-aws keeps for old programs: nobody makes one here, and each rule knows it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from policies.rule import ResourceRule, StackRule
from policies.rules import RULES

KINDS = ("aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2")


def bucket(kind: str) -> Any:
    """With nothing that a bucket needs."""
    urn = f"urn:pulumi:test::trial::{kind}::models"
    options = SimpleNamespace(protect=False)
    props = {"forceDestroy": True}
    return SimpleNamespace(resource_type=kind, urn=urn, props=props, opts=options, property_dependencies={})


@pytest.mark.parametrize("kind", KINDS)
def test_every_rule_about_buckets_knows_both_kinds(kind: str) -> None:
    found = {rule.name for rule in RULES if isinstance(rule, StackRule) and list(rule.check([bucket(kind)]))}
    found |= {rule.name for rule in RULES if isinstance(rule, ResourceRule) and list(rule.check(bucket(kind)))}
    assert found == {
        "buckets-with-own-keys",
        "buckets-with-public-access-blocks",
        "deletion-refused",
        "protected-data",
        "tags-present",
    }

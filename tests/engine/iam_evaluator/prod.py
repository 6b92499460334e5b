"""The prod example, built once for all requests."""

from __future__ import annotations

import json
from functools import cache

from infra.foundation.aws.context import AwsContext
from tests.engine.iam_evaluator import Policy
from tests.engine.iam_evaluator.roles import Role, role
from tests.examples import PROD, declaration
from tests.unit.components.recorder import STACK, Recorder, inputs, platform

PLACE = AwsContext("123456789012", "eu-central-1", STACK, "ml-platform", "machine-learning")
KEY = PLACE.arn("kms", "key/0f0f0f0f-0000-4000-8000-000000000000")
TOPIC = PLACE.arn("sns", f"{PLACE.name}-alerts")
WORKSPACE = PLACE.arn("aps", "workspace/ws-1")
FOREIGN_CLUSTER = PLACE.arn("eks", "cluster/someone-else")
REGION = "aws:RequestedRegion"


@cache
def stack() -> Recorder:
    """Shared by all tests, which must not change it."""
    return platform(declaration(PROD))


def prod_role(name: str) -> Role:
    return role(stack(), PLACE, name)


def bucket_policy(purpose: str = "artifacts") -> Policy:
    """Of the artifact store, or of another bucket."""
    return dict(json.loads(inputs(stack(), "aws:s3/bucketPolicy:BucketPolicy", purpose)["policy"]))


def topic_policy() -> Policy:
    """Of the topic that alerts are published to."""
    return dict(json.loads(inputs(stack(), "aws:sns/topic:Topic", "alerts")["policy"]))


def key_policy(purpose: str = "artifacts") -> Policy:
    """Of the key that encrypts the artifact store, or what is there for another purpose."""
    return dict(json.loads(inputs(stack(), "aws:kms/key:Key", purpose)["policy"]))

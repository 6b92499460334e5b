"""What is in the account besides the stack, and how requests tell one from the other."""

from __future__ import annotations

from dataclasses import replace

from infra.catalogue.names import STACK_LABEL
from tests.engine.iam_evaluator import Context, Policy
from tests.engine.iam_evaluator.prod import PLACE

SECOND = replace(PLACE, region="eu-west-1")
"""The region of backups."""
SIBLING = replace(PLACE, stack=f"{PLACE.stack}-eu")
"""Another stack of the account, whose name begins alike."""

RESOURCE_TAG, REQUEST_TAG = f"aws:ResourceTag/{STACK_LABEL}", f"aws:RequestTag/{STACK_LABEL}"
OWN: Context = {RESOURCE_TAG: PLACE.stack}
NEW: Context = {REQUEST_TAG: PLACE.stack}
SIBLINGS: Context = {RESOURCE_TAG: SIBLING.stack}
CLUSTER_TAG = "aws:ResourceTag/eks:eks-cluster-name"
OF_CLUSTER: Context = {CLUSTER_TAG: PLACE.name}
OF_FOREIGN_CLUSTER: Context = {CLUSTER_TAG: "someone-else"}

BOUNDED, PASSED, LINKED = "iam:PermissionsBoundary", "iam:PassedToService", "iam:AWSServiceName"
WITHIN: Context = {BOUNDED: PLACE.boundary}
NEW_ROLE = PLACE.iam_arn(f"role/{PLACE.name}-new")
ALIASES, BYPASS = "kms:ResourceAliases", "kms:BypassPolicyLockoutSafetyCheck"
STATE = "arn:aws:s3:::example-ml-platform-state"
"""What prod declares as `foundation.aws.ci.stateBucket`."""

DELEGATED: Policy = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": PLACE.iam_arn("root")}, "Action": "kms:*", "Resource": "*"}],
}
"""The policy that a key gets by default: IAM's policies decide."""


def ec2(resource: str) -> str:
    return PLACE.arn("ec2", resource)


def created_by(action: str) -> Context:
    """Tags are given by an action that creates the resource."""
    return {"ec2:CreateAction": action, **NEW}

"""Policies as plain data, so that a preview shows them and a test can read them.

Nothing here allows `*` to anyone, and nobody is let in by a service's name alone: each trust names the account or the
very workload as well.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from infra.catalogue.aws.names import GITHUB, GITHUB_AUDIENCE
from infra.foundation.aws.context import AwsContext

Statement = dict[str, Any]
Conditions = Mapping[str, Mapping[str, str | list[str]]]


def document(*statements: Statement) -> str:
    """As IAM takes it."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(actions: Sequence[str], resources: Sequence[str], conditions: Conditions | None = None) -> Statement:
    """What someone may do to what."""
    return _statement({"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}, conditions)


def deny(actions: Sequence[str], resources: Sequence[str]) -> Statement:
    """What someone may not do, whatever else allows it."""
    return {"Effect": "Deny", "Action": list(actions), "Resource": list(resources)}


def grant(
    principal: Mapping[str, str], actions: Sequence[str], resources: Sequence[str], conditions: Conditions | None = None
) -> Statement:
    """The same in the policy of a resource, which names who."""
    statement = {"Effect": "Allow", "Principal": dict(principal), "Action": list(actions), "Resource": list(resources)}
    return _statement(statement, conditions)


def _statement(statement: Statement, conditions: Conditions | None) -> Statement:
    plain = {operator: dict(keys) for operator, keys in (conditions or {}).items()}
    return statement | ({"Condition": plain} if plain else {})


def _trust(principal: Mapping[str, str], actions: Sequence[str], conditions: Conditions | None) -> str:
    return document(_statement({"Effect": "Allow", "Principal": dict(principal), "Action": list(actions)}, conditions))


def service_trust(
    context: AwsContext, service: str, source: str | None = None, actions: Sequence[str] = ("sts:AssumeRole",)
) -> str:
    """A service of AWS, acting for this account only, and for `source` in it where the service says so."""
    sources: Conditions = {"ArnLike": {"aws:SourceArn": source}} if source else {}
    return _trust({"Service": service}, actions, {"StringEquals": {"aws:SourceAccount": context.account}, **sources})


def instance_trust(context: AwsContext) -> str:
    """EC2 instances: only this account can give the role to one, and EC2 sends no account that could be compared."""
    return _trust({"Service": f"ec2.{context.domain}"}, ["sts:AssumeRole"], None)


def pod_trust(context: AwsContext, namespace: str, service_account: str) -> str:
    """The pods of one service account of one cluster of this account; EKS itself puts that into the request."""
    return _trust(
        {"Service": "pods.eks.amazonaws.com"},
        ["sts:AssumeRole", "sts:TagSession"],
        {
            "StringEquals": {
                "aws:RequestTag/eks-cluster-arn": context.cluster_arn,
                "aws:RequestTag/kubernetes-namespace": namespace,
                "aws:RequestTag/kubernetes-service-account": service_account,
            }
        },
    )


def github_trust(context: AwsContext, subject: str) -> str:
    """The workflows of one repository, on one occasion."""
    return _trust(
        {"Federated": context.github},
        ["sts:AssumeRoleWithWebIdentity"],
        {"StringEquals": {f"{GITHUB}:aud": GITHUB_AUDIENCE, f"{GITHUB}:sub": subject}},
    )


def cluster_parts(context: AwsContext) -> list[str]:
    """The stack's cluster, and whatever EKS keeps below its name: pools, add-ons, who comes in, identities of pods."""
    kinds = ("access-entry", "addon", "nodegroup", "podidentityassociation")
    return [context.cluster_arn, *(context.arn("eks", f"{kind}/{context.name}/*") for kind in kinds)]


def database_secrets(context: AwsContext, actions: Sequence[str]) -> Statement:
    """What RDS keeps for the stack's databases: it gives the names, and tags each secret with its database."""
    owner = {"aws:ResourceTag/aws:rds:primaryDBInstanceArn": context.arn("rds", f"db:{context.name}-*")}
    return allow(actions, [context.arn("secretsmanager", "secret:rds!*")], {"StringLike": owner})


def use_key(context: AwsContext, purpose: str, service: str, actions: Sequence[str]) -> Statement:
    """A key by its alias, and only through the service whose data it encrypts."""
    return allow(
        actions,
        [context.arn("kms", "key/*")],
        {
            "ForAnyValue:StringEquals": {"kms:ResourceAliases": context.key_alias(purpose)},
            "StringEquals": {"kms:ViaService": f"{service}.{context.region}.{context.domain}"},
        },
    )


def encrypt_disks(context: AwsContext, purpose: str) -> list[Statement]:
    """Volumes under our key, and that EC2 itself may go on using it for them."""
    actions = ["Decrypt", "DescribeKey", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo"]
    lend = use_key(context, purpose, "ec2", ["kms:CreateGrant"])
    lend["Condition"]["Bool"] = {"kms:GrantIsForAWSResource": "true"}
    return [use_key(context, purpose, "ec2", [f"kms:{action}" for action in actions]), lend]


def read_prefixes(context: AwsContext, purpose: str, prefixes: Sequence[str]) -> list[Statement]:
    """Objects below some prefixes of a bucket, and the list of them."""
    bucket = context.bucket_arn(purpose)
    return [
        allow(["s3:GetObject"], [f"{bucket}/{prefix}/*" for prefix in prefixes]),
        allow(
            ["s3:ListBucket"],
            [bucket],
            {"StringLike": {"s3:prefix": [pattern for prefix in prefixes for pattern in (prefix, f"{prefix}/*")]}},
        ),
        use_key(context, purpose, "s3", ["kms:Decrypt"]),
    ]


def write_prefixes(context: AwsContext, purpose: str, prefixes: Sequence[str]) -> list[Statement]:
    """Objects below some prefixes of a bucket, to be made and removed."""
    objects = [f"{context.bucket_arn(purpose)}/{prefix}/*" for prefix in prefixes]
    actions = ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
    return [allow(actions, objects), use_key(context, purpose, "s3", ["kms:GenerateDataKey", "kms:Decrypt"])]

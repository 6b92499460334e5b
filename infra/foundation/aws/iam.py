"""Policies as plain data, so that a preview shows them and a test can read them.

No statement allows `*`, and no trust policy accepts a service alone: each also names the account or the workload.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from infra.catalogue.aws.names import GITHUB, GITHUB_AUDIENCE
from infra.catalogue.names import STACK_LABEL
from infra.foundation.aws.context import AwsContext

Statement = dict[str, Any]
Conditions = Mapping[str, Mapping[str, str | list[str]]]

IN_CREATION: Conditions = {"Null": {"ec2:CreateAction": "false"}}
"""Tags are given to what is being created: existing resources of EC2 get none."""


def document(*statements: Statement) -> str:
    """The JSON of a policy."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(actions: Sequence[str], resources: Sequence[str], conditions: Conditions | None = None) -> Statement:
    """An Allow statement."""
    return _statement({"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}, conditions)


def deny(actions: Sequence[str], resources: Sequence[str]) -> Statement:
    """A Deny statement."""
    return {"Effect": "Deny", "Action": list(actions), "Resource": list(resources)}


def grant(
    principal: Mapping[str, str], actions: Sequence[str], resources: Sequence[str], conditions: Conditions | None = None
) -> Statement:
    """A statement of a resource policy, which names principals."""
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
    """Trust in an AWS service on behalf of this account, restricted to `source` if the service sends one."""
    sources: Conditions = {"ArnLike": {"aws:SourceArn": source}} if source else {}
    return _trust({"Service": service}, actions, {"StringEquals": {"aws:SourceAccount": context.account}, **sources})


def bare_service_trust(service: str) -> str:
    """Trust in a service that sends no source account; only this account can pass the role to it."""
    return _trust({"Service": service}, ["sts:AssumeRole"], None)


def instance_trust(context: AwsContext) -> str:
    """Trust in EC2."""
    return bare_service_trust(f"ec2.{context.domain}")


def pod_trust(context: AwsContext, namespace: str, service_account: str) -> str:
    """Trust in EKS Pod Identity, for one service account of one cluster; EKS sends both as session tags."""
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
    """Trust in the workflows of one repository, for one event or environment."""
    return _trust(
        {"Federated": context.github},
        ["sts:AssumeRoleWithWebIdentity"],
        {"StringEquals": {f"{GITHUB}:aud": GITHUB_AUDIENCE, f"{GITHUB}:sub": subject}},
    )


def of_stack(context: AwsContext) -> Conditions:
    """The resource exists and has the stack's tag."""
    return {"StringEquals": {f"aws:ResourceTag/{STACK_LABEL}": context.stack}}


def new_of_stack(context: AwsContext) -> Conditions:
    """The resource is created with the stack's tag."""
    return {"StringEquals": {f"aws:RequestTag/{STACK_LABEL}": context.stack}}


def no_other_stack(context: AwsContext) -> Conditions:
    """The resource is not one of another stack whose name begins alike."""
    return {"StringEqualsIfExists": {f"aws:ResourceTag/{STACK_LABEL}": context.stack}}


def cluster_parts(context: AwsContext) -> list[str]:
    """The stack's cluster, its access entries and pod identities."""
    kinds = ("access-entry", "podidentityassociation")
    return [context.cluster_arn, *(context.arn("eks", f"{kind}/{context.name}/*") for kind in kinds)]


def database_secrets(context: AwsContext, actions: Sequence[str]) -> Statement:
    """Secrets that RDS manages for the stack's databases: RDS names them and tags each with its database."""
    owner = {"aws:ResourceTag/aws:rds:primaryDBInstanceArn": context.arn("rds", f"db:{context.name}-*")}
    return allow(actions, [context.arn("secretsmanager", "secret:rds!*")], {"StringLike": owner})


def use_key(context: AwsContext, purpose: str, service: str, actions: Sequence[str]) -> Statement:
    """Use of a key by its alias, and only through the service whose data it encrypts."""
    return allow(
        actions,
        [context.arn("kms", "key/*")],
        {
            "ForAnyValue:StringEquals": {"kms:ResourceAliases": context.key_alias(purpose)},
            "StringEquals": {"kms:ViaService": f"{service}.{context.region}.{context.domain}"},
        },
    )


def encrypt_disks(context: AwsContext, purpose: str) -> list[Statement]:
    """Use of the key for EBS volumes, with grants for EC2."""
    actions = ["Decrypt", "DescribeKey", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo"]
    lend = use_key(context, purpose, "ec2", ["kms:CreateGrant"])
    lend["Condition"]["Bool"] = {"kms:GrantIsForAWSResource": "true"}
    return [use_key(context, purpose, "ec2", [f"kms:{action}" for action in actions]), lend]


def read_prefixes(context: AwsContext, purpose: str, prefixes: Sequence[str]) -> list[Statement]:
    """Reading and listing objects under prefixes of a bucket."""
    bucket = context.bucket_arn(purpose)
    return [
        allow(["s3:GetObject"], [f"{bucket}/{prefix}/*" for prefix in prefixes]),
        allow(
            ["s3:ListBucket"],
            [bucket],
            # Not the prefix without a slash, which longer names of others begin with, too.
            {"StringLike": {"s3:prefix": [f"{prefix}/*" for prefix in prefixes]}},
        ),
        use_key(context, purpose, "s3", ["kms:Decrypt"]),
    ]


def only_by(endpoint: str, statements: Sequence[Statement]) -> list[Statement]:
    """The same on S3 through one VPC endpoint only: credentials of a pod are of no use elsewhere."""
    source = {"StringEquals": {"aws:SourceVpce": endpoint}}
    return [
        {**each, "Condition": {**each.get("Condition", {}), **source}} if _is_about_s3(each) else each
        for each in statements
    ]


def _is_about_s3(statement: Statement) -> bool:
    return all(str(action).startswith("s3:") for action in statement["Action"])


def write_prefixes(context: AwsContext, purpose: str, prefixes: Sequence[str]) -> list[Statement]:
    """Writing and deleting objects under prefixes of a bucket."""
    objects = [f"{context.bucket_arn(purpose)}/{prefix}/*" for prefix in prefixes]
    actions = ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
    return [allow(actions, objects), use_key(context, purpose, "s3", ["kms:GenerateDataKey", "kms:Decrypt"])]
